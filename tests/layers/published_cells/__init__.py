"""Cells in the styles in which people publish them, each written from its equations."""

from published_cells import first

CASES = {**first.CASES}
