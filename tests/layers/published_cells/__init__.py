"""Cells in the styles in which people publish them, each written from its equations."""

from published_cells import (
    algebra,
    attentive,
    continuous,
    controlled,
    discrete,
    drawn,
    gated,
    layered,
    memory,
    shaped,
    simple,
)

_KINDS = (
    *(gated, simple, continuous, memory, attentive, drawn),
    *(layered, controlled, algebra, discrete, shaped),
)
CASES = {name: case for kind in _KINDS for name, case in kind.CASES.items()}
