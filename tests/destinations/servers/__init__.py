"""Which services live on loopback for the tests? One module for each kind of destination that speaks to a network."""
