"""Who is told what happened: one file for each kind of observer, none of which may fail the work."""
