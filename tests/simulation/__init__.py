"""Years of the real engine in seconds: seeded faults, a virtual clock, the laws as invariants."""
