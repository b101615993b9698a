"""One step of a cell as a graph: traced, sorted by what depends on what, run again elsewhere."""
