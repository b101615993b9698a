"""What goes between clients and servers: signatures, tensors in JSON and in protocol messages."""
