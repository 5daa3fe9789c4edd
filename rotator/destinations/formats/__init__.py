"""In which forms can a credential lie on a disk? One module a format, and what they share."""
