"""Settings of the evaluations in which a model takes account of the text it has just read."""

import dataclasses

from tfseq.options.rules import NonNegativeFloat, PositiveFloat, PositiveInt, Probability, Size


@dataclasses.dataclass(frozen=True)
class DynamicSettings:
    """How a model goes on learning while it is measured; see `DynamicEvaluator`.

    Attributes:
        learning_rate: η.
        decay: λ, how fast a weight goes back to its trained value.
        segment_tokens: tokens that are predicted before each update; None takes 20 characters, or 5
            tokens of another kind.
        epsilon: ε, added to the root mean square of a gradient.
    """

    learning_rate: NonNegativeFloat = 1e-4
    decay: NonNegativeFloat = 0.005
    segment_tokens: Size | None = None
    epsilon: PositiveFloat = 1e-5


@dataclasses.dataclass(frozen=True)
class CacheSettings:
    """How much a model repeats of what it has just read; see `CacheEvaluator`.

    Attributes:
        size: N, the tokens that the cache holds.
        flatness: θ; with 0 each of them counts the same.
        weight: λ, the share of the cache in each probability.
    """

    size: PositiveInt = 500
    flatness: NonNegativeFloat = 0.3
    weight: Probability = 0.1
