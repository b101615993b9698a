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
    styled,
)

KINDS = {
    "gated": gated.CASES,
    "simple": simple.CASES,
    "continuous": continuous.CASES,
    "memory": memory.CASES,
    "attentive": attentive.CASES,
    "drawn": drawn.CASES,
    "layered": layered.CASES,
    "controlled": controlled.CASES,
    "algebra": algebra.CASES,
    "discrete": discrete.CASES,
    "shaped": shaped.CASES,
    "styled": styled.CASES,
}
CASES = {name: case for cases in KINDS.values() for name, case in cases.items()}
