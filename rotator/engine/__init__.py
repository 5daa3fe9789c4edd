"""The verbs: what is done about what is due, knowing the domain and the ports only."""
