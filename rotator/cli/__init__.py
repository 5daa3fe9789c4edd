"""What a person can ask on the command line: one file for each group of commands."""
