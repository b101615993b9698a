"""A corpus encoded in pieces, each by any process."""
