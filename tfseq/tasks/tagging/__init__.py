"""A tagger, from sentences in columns to a finished run."""
