"""Where credentials are delivered: one file for each kind of destination."""
