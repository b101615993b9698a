"""Models that start from weights that are there already."""
