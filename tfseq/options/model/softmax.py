"""How the output layer of a language model is made and learned."""

import itertools
from typing import Annotated, Literal

from tfseq.options.rules import Rule

Softmax = Literal["full", "sampled", "adaptive"]
_RISING = Rule(
    "rising positive integers",
    lambda v: bool(v) and v[0] > 0 and all(a < b for a, b in itertools.pairwise(v)),
    change=tuple,
    changes=list,
)
#: The ranks that the clusters of an adaptive softmax begin with.
OptionalCutoffs = Annotated[tuple[int, ...] | None, _RISING]
