"""A language model for phones and browsers: its `step` as LiteRT files, with what a text needs."""
