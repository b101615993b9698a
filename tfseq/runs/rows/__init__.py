"""Tables of which a batch reads few rows, in training."""
