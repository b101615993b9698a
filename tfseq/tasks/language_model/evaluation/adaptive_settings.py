"""Settings of the evaluations in which a model takes account of the text it has just read."""

import dataclasses
from typing import Any, TypeVar

from tfseq.errors import InputError
from tfseq.options.rules import (
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Probability,
    Size,
    check_options,
)

T = TypeVar("T")

# The gradient of fewer tokens is noisier, and takes a smaller step.
DYNAMIC_DEFAULTS = {
    "character": {"segment_tokens": 20, "learning_rate": 1e-4},
    "token": {"segment_tokens": 5, "learning_rate": 5e-5},
}


@dataclasses.dataclass(frozen=True)
class DynamicSettings:
    """How a model goes on learning while it is measured; see `DynamicEvaluator`.

    Attributes:
        learning_rate: η; None takes 1e-4 for characters, and 5e-5 for tokens of another kind.
        decay: λ, how fast a weight goes back to its trained value.
        segment_tokens: tokens that are predicted before each update; None takes 20 characters, or 5
            tokens of another kind.
        epsilon: ε, added to the root mean square of a gradient.
    """

    learning_rate: NonNegativeFloat | None = None
    decay: NonNegativeFloat = 0.003
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


def checked_settings(
    dynamic: bool | DynamicSettings, cache: int | CacheSettings, tune: bool, unit: str
) -> tuple[DynamicSettings | None, CacheSettings | None]:
    """Settings with every field filled in; None for what is not to be evaluated.

    Args:
        dynamic: True takes the usual settings.
        cache: a number is that of the tokens that it holds.
        tune: whether some of them are to be chosen.
        unit: what a token is called.

    Raises:
        InputError: one breaks its rule, or there is nothing to choose.

    >>> checked_settings(True, 0, False, "word")[0].segment_tokens
    5
    """
    if isinstance(dynamic, bool):
        dynamic = DynamicSettings() if dynamic else None
    if isinstance(cache, int) and not isinstance(cache, bool) and cache >= 0:
        cache = CacheSettings(cache) if cache else None
    for name, settings, kind, words in (
        ("dynamic", dynamic, DynamicSettings, "true, false or `DynamicSettings`"),
        ("cache", cache, CacheSettings, "zero, a positive integer or `CacheSettings`"),
    ):
        if not isinstance(settings, kind | None):
            raise InputError(f"`{name}` must be {words}. Received: {settings!r}.")
        if settings is not None:
            check_options(settings)
    if tune and not (dynamic or cache):
        raise InputError("`tune` chooses the settings of `dynamic` and `cache`: use one of them.")
    if dynamic:
        usual = DYNAMIC_DEFAULTS["character" if unit == "character" else "token"]
        missing = {name: v for name, v in usual.items() if getattr(dynamic, name) is None}
        dynamic = dataclasses.replace(dynamic, **missing)
    return dynamic, cache


def settings_of(options: Any, name: str, settings_type: type[T], **more: Any) -> T | None:
    """Settings that options name: field `decay` of the settings `dynamic` is `dynamic_decay`.

    Args:
        options: those that are None are left at their defaults.
        name: of the option without which there are no settings.
        settings_type: a dataclass.
        **more: other fields.

    Raises:
        InputError: there are settings and no such option.
    """
    fields = {field.name for field in dataclasses.fields(settings_type)}
    given = {field: getattr(options, f"{name}_{field}", None) for field in fields}
    given = {field: value for field, value in given.items() if value is not None}
    if getattr(options, name):
        return settings_type(**given, **more)
    if given:
        words = " and ".join(f"`{name}_{field}`" for field in sorted(given))
        raise InputError(f"{words} can be used with `{name}` only.")
    return None
