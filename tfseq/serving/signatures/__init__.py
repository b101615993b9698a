"""What each kind of model answers to in a server."""
