"""How do programs reach us? The HTTP API, imported only where it is on."""
