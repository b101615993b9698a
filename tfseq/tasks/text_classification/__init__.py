"""A text classifier, from labelled texts to a finished run."""
