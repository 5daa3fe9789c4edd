"""What do people see? Pages made on the server, for whoever holds a session; they ask nothing of any other server."""
