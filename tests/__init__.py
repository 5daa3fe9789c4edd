"""The tests of Rotator."""
