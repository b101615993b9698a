"""Cells in the styles in which people publish them, each written from its equations."""

from published_cells import (
    algebra,
    continuous,
    controlled,
    discrete,
    drawn,
    first,
    gated,
    layered,
    memory,
    shaped,
    simple,
)

_KINDS = (
    *(first, gated, simple, continuous, memory, drawn),
    *(layered, controlled, algebra, discrete, shaped),
)
CASES = {name: case for kind in _KINDS for name, case in kind.CASES.items()}
