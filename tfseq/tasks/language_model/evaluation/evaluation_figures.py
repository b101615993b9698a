"""The figures of an evaluation: by name, and as a person reads them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfseq.tasks.language_model.evaluation.evaluator import Evaluation
from tfseq.tasks.language_model.evaluation.text_size import TextSize


def evaluation_figures(result: Evaluation, size: TextSize) -> dict[str, Any]:
    """What `LanguageModelTask.evaluate` returns of a plain evaluation."""
    return {
        **_of_losses(result, size),
        "num_tokens": result.num_tokens,
        "num_unknown": size.num_unknown,
        "num_characters": size.num_characters,
        "num_bytes": size.num_bytes,
    }


def adaptive_figures(
    name: str, result: Evaluation, settings: Any, size: TextSize, tuned: bool
) -> dict[str, Any]:
    """What it returns of another: each name begins with that of the evaluation."""
    figures = _of_losses(result, size)
    figures |= {"settings": dataclasses.asdict(settings), "tuned": tuned}
    return {f"{name}_{key}": value for key, value in figures.items()}


def _of_losses(result: Evaluation, size: TextSize) -> dict[str, float | None]:
    """With n tokens of mean cross entropy L nats a text has n L / ln 2 bits, which are divided
    among its characters and bytes.

    >>> size = TextSize(num_tokens=4, num_unknown=0, num_characters=8, num_bytes=None)
    >>> figures = _of_losses(Evaluation(1.0, 4), size)
    >>> round(figures["bits_per_token"], 3), round(figures["bits_per_character"], 3)
    (1.443, 0.721)
    """

    return {
        "perplexity": result.perplexity,
        "cross_entropy": result.mean_cross_entropy,
        "bits_per_token": result.bits_per_token,
        **bits_of_text(result.bits_per_token, size),
    }


def bits_of_text(bits_per_token: float, size: TextSize) -> dict[str, float | None]:
    """The bits of a character and of a byte; None where the text cannot be told."""
    bits = bits_per_token * size.num_tokens
    numbers = {"character": size.num_characters, "byte": size.num_bytes}
    return {f"bits_per_{part}": bits / n if n else None for part, n in numbers.items()}


def describe_evaluation(figures: Mapping[str, Any], unit: str, normalized: bool = False) -> str:
    """The figures, a line each; those of `adaptive_figures` in two lines of their own.

    Args:
        figures: by name.
        unit: what a token is called.
        normalized: whether the tokenizer changes the text before it splits it.
    """
    text = f"{figures['num_tokens']:,} {unit}s predicted"
    if figures["num_characters"] is not None and unit != "character":
        text += f", {figures['num_characters']:,} characters"
    lines = [
        f"text        {text}{unknown_words(figures['num_unknown'], figures['num_tokens'])}",
        f"perplexity  {figures['perplexity']:.4f} per {unit}",
        f"nats        {figures['cross_entropy']:.4f} per {unit}",
        f"bits        {_bits(figures, '', unit, normalized)}",
    ]
    for name in ("dynamic", "cache"):
        if f"{name}_perplexity" in figures:
            lines += [
                f"{name:12}perplexity {figures[f'{name}_perplexity']:.4f}, nats "
                f"{figures[f'{name}_cross_entropy']:.4f} per {unit}, bits "
                f"{_bits(figures, f'{name}_', unit, normalized)}",
                f"{'':12}{_settings(figures, name)}",
            ]
    return "\n".join(lines)


def _bits(figures, prefix, unit, normalized):
    parts = {unit: figures[f"{prefix}bits_per_token"]}
    parts |= {part: figures[f"{prefix}bits_per_{part}"] for part in ("character", "byte")}
    told = [f"{value:.4f} per {part}" for part, value in parts.items() if value is not None]
    return ", ".join(told) + (" of the normalized text" if normalized and len(told) > 1 else "")


def _settings(figures, name):
    settings = figures[f"{name}_settings"].items()
    told = ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in settings)
    return told + ("; chosen on the validation split" if figures[f"{name}_tuned"] else "")


def unknown_words(num_unknown: int, num_tokens: int) -> str:
    """How many tokens are `<unk>`, to be added to a sentence; nothing if none is.

    >>> unknown_words(3, 200)
    ', 3 of them <unk> (1.5%)'
    """
    if not num_unknown:
        return ""
    return f", {num_unknown:,} of them <unk> ({100 * num_unknown / num_tokens:.2g}%)"
