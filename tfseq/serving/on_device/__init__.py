"""A language model for phones and browsers: its `step` in a file, with what a text needs."""
