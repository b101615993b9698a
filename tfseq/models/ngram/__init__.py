"""Counts of n-grams as a language model."""
