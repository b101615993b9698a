"""How a language model continues each prompt of a file."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

from tfseq.errors import InputError
from tfseq.options.rules import (
    BannedTokens,
    CountOrZero,
    Fraction,
    NonNegativeFloat,
    PositiveInt,
    Seed,
    Stops,
    check_options,
    from_to,
)

_BOTH = frozenset({"max_new_tokens", "stop", "allow_unknown", "banned_tokens"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class WriteSettings:
    """Arguments of `TextGenerator.generate`; or of `beam_search`, where `beam_size` is positive.

    Attributes:
        num_samples: how many texts are sampled of each prompt.
        seed: that of the first text; each later one has the next.
    """

    max_new_tokens: CountOrZero = 100
    beam_size: CountOrZero = 0
    num_samples: PositiveInt = 1
    seed: Seed = 0
    temperature: NonNegativeFloat = 1.0
    top_k: CountOrZero = 0
    top_p: Fraction = 1.0
    min_p: Annotated[float, from_to(0, 1, "a number")] = 0.0
    repetition_penalty: Annotated[float, from_to(0.01, 100, "a number")] = 1.0
    repetition_window: CountOrZero = 64
    frequency_penalty: Annotated[float, from_to(-100, 100, "a number")] = 0.0
    stop: BannedTokens = ()
    stop_strings: Stops = ()
    allow_unknown: bool = False
    banned_tokens: BannedTokens = ()

    @classmethod
    def checked(cls, given: Any) -> "WriteSettings":
        """The settings that are given by name.

        Raises:
            InputError: one is unknown, breaks its rule, or is of no use to a beam.

        >>> WriteSettings.checked({"top_k": 5}).top_k
        5
        >>> WriteSettings.checked({"beam_size": 2, "seed": 1})
        Traceback (most recent call last):
        tfseq.errors.InputError: `seed` cannot be used with `beam_size`: a beam search does not...
        """
        if not isinstance(given, Mapping):
            raise InputError(f"`write` must be settings by name. Received: {given!r}.")
        names = [field.name for field in dataclasses.fields(cls)]
        if unknown := [name for name in given if name not in names]:
            raise InputError(
                f"`write` must be settings of {', '.join(names)}. Received: {unknown[0]!r}."
            )
        settings = cls(**given)
        check_options(settings)
        if settings.beam_size and (other := given.keys() - _BOTH - {"beam_size"}):
            names = ", ".join(f"`{name}`" for name in sorted(other))
            raise InputError(
                f"{names} cannot be used with `beam_size`: a beam search does not sample."
            )
        return settings

    def of_each_text(self) -> dict[str, Any]:
        """The arguments of the generator that are the same for all texts."""
        names = _BOTH | {"beam_size"}
        if not self.beam_size:
            names = {field.name for field in dataclasses.fields(self)}
            names -= {"beam_size", "num_samples", "seed"}
        return {name: getattr(self, name) for name in names}
