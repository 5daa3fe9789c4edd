"""Adapter: Microsoft Entra ID and Graph, as the ports `Directory` and `Directories` ask for them."""
