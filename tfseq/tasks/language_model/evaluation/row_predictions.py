"""What a language model makes of each text of a file: its score, or how it goes on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfseq.errors import InputError
from tfseq.generation import TextGenerator

# Texts that are padded to the longest of them.
_ROWS_AT_ONCE = 64


def predicted_rows(
    generator: TextGenerator,
    texts: Sequence[str],
    max_new_tokens: int | None,
    given: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """`log_probability`, `num_tokens` and `perplexity` of each text, as `TextGenerator.score` says.

    With `max_new_tokens`: `completion`, `num_tokens` and `log_probability`. `given` are settings of
    `TextGenerator.generate`, None where they are not.

    Raises:
        InputError: there are settings, and nothing is to be written.
    """

    settings = {name: value for name, value in given.items() if value is not None}

    def scored(group: list[str]) -> list[dict[str, Any]]:
        names = ("log_probability", "num_tokens", "perplexity")
        return [{name: getattr(score, name) for name in names} for score in generator.score(group)]

    def continued(group: list[str]) -> list[dict[str, Any]]:
        names = ("completion", "num_tokens", "log_probability")
        found = generator.generate(group, max_new_tokens, **settings)
        return [{name: getattr(one, name) for name in names} for one in found]

    if max_new_tokens is None and settings:
        names = ", ".join(f"`{name}`" for name in settings)
        raise InputError(f"{names} cannot be used without `max_new_tokens`: texts are scored.")
    return _by_length(scored if max_new_tokens is None else continued, texts)


def _by_length(answer: Callable[[list[str]], list[dict]], texts: Sequence[str]) -> list[dict]:
    """The answers in the texts' order, worked out for texts of like length together."""
    places = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    rows: list[dict] = [{}] * len(texts)
    for start in range(0, len(texts), _ROWS_AT_ONCE):
        group = places[start : start + _ROWS_AT_ONCE]
        for place, row in zip(group, answer([texts[place] for place in group]), strict=True):
            rows[place] = row
    return rows
