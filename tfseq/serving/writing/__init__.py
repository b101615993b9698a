"""Text written token by token, by the client and by the local server alike: NumPy alone."""
