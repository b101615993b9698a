"""The figures of an evaluation: by name, and as a person reads them."""

from collections.abc import Mapping
from typing import Any

from tfseq.metrics.perplexity import bits
from tfseq.tasks.language_model.evaluation import Evaluation
from tfseq.tasks.language_model.text_size import TextSize


def evaluation_figures(result: Evaluation, size: TextSize) -> dict[str, Any]:
    """What `LanguageModelTask.evaluate` returns.

    With n tokens of mean cross entropy L nats, the text has n L / ln 2 bits; `bits_per_character`
    and `bits_per_byte` are its share, None where the size of the text cannot be told.

    >>> size = TextSize(num_tokens=4, num_unknown=0, num_characters=8, num_bytes=None)
    >>> figures = evaluation_figures(Evaluation(1.0, 4), size)
    >>> round(figures["bits_per_token"], 3), round(figures["bits_per_character"], 3)
    (1.443, 0.721)
    """
    return {
        "perplexity": result.perplexity,
        "bits_per_token": result.bits_per_token,
        "cross_entropy": result.mean_cross_entropy,
        "num_tokens": result.num_tokens,
        "num_unknown": size.num_unknown,
        "bits_per_character": bits_of_each(result.mean_cross_entropy, size, size.num_characters),
        "bits_per_byte": bits_of_each(result.mean_cross_entropy, size, size.num_bytes),
        "num_characters": size.num_characters,
        "num_bytes": size.num_bytes,
    }


def bits_of_each(mean_cross_entropy: float, size: TextSize, number: int | None) -> float | None:
    """The bits of a text divided among so many parts; None if there are none, or it is unknown."""
    return bits(mean_cross_entropy) * size.num_tokens / number if number else None


def describe_evaluation(figures: Mapping[str, Any], unit: str, normalized: bool = False) -> str:
    """The figures of `evaluation_figures`, a line each.

    Args:
        figures: they.
        unit: what a token is called.
        normalized: whether the tokenizer changes the text before it splits it.
    """
    parts = {unit: figures["bits_per_token"]}
    parts |= {part: figures[f"bits_per_{part}"] for part in ("character", "byte")}
    told = [f"{value:.4f} per {part}" for part, value in parts.items() if value is not None]
    of_text = " of the normalized text" if normalized and len(told) > 1 else ""
    text = f"{figures['num_tokens']:,} {unit}s predicted"
    if figures["num_characters"] is not None and unit != "character":
        text += f", {figures['num_characters']:,} characters"
    return (
        f"text        {text}{unknown_words(figures['num_unknown'], figures['num_tokens'])}\n"
        f"perplexity  {figures['perplexity']:.4f} per {unit}\n"
        f"nats        {figures['cross_entropy']:.4f} per {unit}\n"
        f"bits        {', '.join(told)}{of_text}"
    )


def unknown_words(num_unknown: int, num_tokens: int) -> str:
    """How many tokens are `<unk>`, to be added to a sentence; nothing if none is.

    >>> unknown_words(3, 200)
    ', 3 of them <unk> (1.5 %)'
    """
    if not num_unknown:
        return ""
    return f", {num_unknown:,} of them <unk> ({100 * num_unknown / num_tokens:.2g} %)"
