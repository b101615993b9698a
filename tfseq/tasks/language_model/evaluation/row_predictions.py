"""What a language model makes of each text of a file: its score, or how it goes on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfseq.errors import InputError
from tfseq.generation import Generation, TextGenerator
from tfseq.tasks.language_model.evaluation.write_settings import WriteSettings

# Texts that are padded to the longest of them, and the characters that they have then.
_ROWS_AT_ONCE = 64
_MOST_CHARACTERS = 1 << 22

Answer = Callable[[list[str], list[int]], list[Any]]


def scored_rows(generator: TextGenerator, texts: Sequence[str]) -> list[dict[str, Any]]:
    """`log_probability`, `num_tokens` and `perplexity` of each text: see `TextGenerator.score`."""
    names = ("log_probability", "num_tokens", "perplexity")

    def answer(group: list[str], places: list[int]) -> list[dict[str, Any]]:
        return [{name: getattr(one, name) for name in names} for one in generator.score(group)]

    return _by_length(answer, texts)


def written_rows(
    generator: TextGenerator, prompts: Sequence[str], settings: Mapping[str, Any], first_row: int
) -> list[dict[str, Any]]:
    """How each prompt goes on: `completion`, `num_tokens`, `log_probability` and the `seed`.

    Where several are asked for, these are in a list, `completions`. A beam has no seeds.

    Args:
        generator: what writes.
        prompts: texts.
        settings: fields of `WriteSettings` by name.
        first_row: the number of the first prompt in its file. With n samples, row r has the seeds
            from `seed` + n r on, whatever rows are written with it.

    Raises:
        InputError: a setting breaks its rule.
    """
    how = WriteSettings.checked(settings)
    samples, same = how.num_samples, how.of_each_text()

    def searched(group: list[str], places: list[int]) -> list[dict[str, Any]]:
        found = generator.beam_search(group, **same)
        return [{"completions": [_fields(one) for one in row]} for row in found]

    def sampled(group: list[str], places: list[int]) -> list[dict[str, Any]]:
        seeds = [how.seed + first_row * samples + place for place in places]
        found = generator.generate(group, seed=seeds, **same)
        return [{**_fields(one), "seed": of} for one, of in zip(found, seeds, strict=True)]

    try:
        if how.beam_size:
            return _by_length(searched, prompts, _ROWS_AT_ONCE // how.beam_size)
        rows = _by_length(sampled, [prompt for prompt in prompts for _ in range(samples)])
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from error
    if samples == 1:
        return rows
    starts = range(0, len(rows), samples)
    return [{"completions": rows[start : start + samples]} for start in starts]


def _fields(one: Generation) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("completion", "num_tokens", "log_probability")}


def _by_length(
    answer: Answer, texts: Sequence[str], most_rows: int = _ROWS_AT_ONCE
) -> list[dict[str, Any]]:
    """The answers in the texts' order, worked out for texts of like length together."""
    places = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    rows: list[dict] = [{}] * len(texts)
    while True:
        group = [*places[: max(1, most_rows)]]
        while len(group) > 1 and len(group) * len(texts[group[-1]]) > _MOST_CHARACTERS:
            group.pop()
        found = answer([texts[place] for place in group], group)
        for place, row in zip(group, found, strict=True):
            rows[place] = row
        places = places[len(group) :]
        if not places:
            return rows
