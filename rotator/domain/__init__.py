"""What is true of rotations, and what follows from it: no I/O, no clock, no framework."""
