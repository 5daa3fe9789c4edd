"""Where journal, ledger, leases and sealed secrets are kept: the Store port over SQL."""
