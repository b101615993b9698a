"""See the package docstring of tfseq."""
