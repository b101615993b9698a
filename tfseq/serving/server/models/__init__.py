"""Versions of a model: loaded, watched, run in batches."""
