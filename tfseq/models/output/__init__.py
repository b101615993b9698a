"""Output layers of language models with large vocabularies."""
