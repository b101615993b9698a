"""Statistics of language as tables to read and as files to keep."""

import dataclasses
import json
import os
import re
import unicodedata
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tfseq.analysis.statistics import CorpusStatistics, NGramStatistics
from tfseq.analysis.statistics_fit import MIN_FREQUENCY
from tfseq.analysis.statistics_pictures import draw_rank_frequency, draw_vocabulary_growth
from tfseq.files.result_directory import new_directory
from tfseq.text.vocabulary import escape


def describe_statistics(statistics: CorpusStatistics, kind: str) -> str:
    """The most frequent n-grams side by side, and the laws that were fitted.

    Args:
        statistics: the statistics.
        kind: `char` or `word`, what a token is.
    """
    unit = unit_of(kind)
    parts = [_table(statistics.ngrams, kind)]
    rows = [["", "in all", "different", "once", "Zipf exponent", "over ranks"]]
    for ngrams in statistics.ngrams:
        row = [ngram_title(ngrams.length, unit)]
        row += [f"{n:,}" for n in (ngrams.total, ngrams.distinct, ngrams.frequencies.get(1, 0))]
        if ngrams.zipf is None:
            row += ["-", "too few"]
        else:
            law = ngrams.zipf
            row += [f"{-law.exponent:.3f}", f"{law.first:,} to {law.last:,}"]
        rows.append(row)
    parts.append(_aligned(rows, left=1))
    parts.append(
        f"Zipf: log frequency against log rank, least squares over all ranks whose frequency is "
        f"{MIN_FREQUENCY} or more."
    )
    law = statistics.heaps
    if law is not None:
        parts[-1] += (
            f"\nHeaps: {law.constant:.3g} n^{law.exponent:.3f} different {unit}s among the first n,"
            f" fitted from n = {law.first:,} to {law.last:,}."
        )
    if statistics.num_unknown:
        parts.append(
            f"note: {statistics.num_unknown:,} {unit}s are counted as <unk>: memory holds "
            f"{statistics.num_distinct - 1:,} different ones, and these came later."
        )
    return "\n\n".join(parts)


def write_statistics(
    path: str | os.PathLike,
    statistics: CorpusStatistics,
    description: Mapping[str, Any],
    kind: str,
    argument: str = "result_dir",
) -> None:
    """Make a directory, whole or not at all, of `statistics.json`, `rank_frequency.png` and
    `vocabulary_growth.png`.

    Args:
        path: the directory; it must not be there, or be empty.
        statistics: the statistics.
        description: what `statistics.json` says first, of the text and where it comes from.
        kind: `char` or `word`, what a token is.
        argument: what names the directory, for messages.

    Raises:
        InputError: the directory cannot be made.
    """
    content = json.dumps({**description, **_as_json(statistics)}, indent=1, ensure_ascii=False)
    with new_directory(path, argument) as directory:
        Path(directory, "statistics.json").write_text(content + "\n", encoding="utf-8")
        title = f"{description.get('corpus', '')}: {statistics.num_tokens:,} {unit_of(kind)}s"
        unit = unit_of(kind)
        draw_rank_frequency(statistics, unit, title, directory / "rank_frequency.png")
        draw_vocabulary_growth(statistics, unit, title, directory / "vocabulary_growth.png")


def unit_of(kind: str) -> str:
    """What a token is called."""
    return "character" if kind == "char" else "word"


def ngram_title(length: int, unit: str) -> str:
    """What n-grams of a length are called.

    >>> ngram_title(1, "word"), ngram_title(3, "word")
    ('words', '3 words')
    """
    return f"{unit}s" if length == 1 else f"{length} {unit}s"


def _as_json(statistics: CorpusStatistics) -> dict[str, Any]:
    result = dataclasses.asdict(statistics)
    for ngrams in result["ngrams"]:
        ngrams["most_frequent"] = [
            {"ngram": list(tokens), "count": count} for tokens, count in ngrams["most_frequent"]
        ]
        # Pairs, since names in JSON are texts.
        ngrams["frequencies"] = [list(pair) for pair in ngrams["frequencies"].items()]
        law = ngrams["zipf"]
        ngrams["zipf_exponent"] = None if law is None else -law["exponent"]
    return result


def _table(ngrams: list[NGramStatistics], kind: str) -> str:
    """The most frequent n-grams, a column each length."""
    heads = [word for n in ngrams for word in (ngram_title(n.length, unit_of(kind)), "count")]
    rows = [["rank", *heads]]
    for place in range(max(len(n.most_frequent) for n in ngrams)):
        row = [str(place + 1)]
        for n in ngrams:
            if place < len(n.most_frequent):
                tokens, count = n.most_frequent[place]
                row += [_shown(tokens, kind), f"{count:,}"]
            else:
                row += ["", ""]
        rows.append(row)
    return _aligned(rows, left=range(1, 2 * len(ngrams), 2))


def _shown(tokens: tuple[str, ...], kind: str) -> str:
    """An n-gram on screen: spaces and line breaks between characters can be seen."""
    if kind == "char":
        return "".join(escape(token).replace("\\s", "␣") for token in tokens)
    return " ".join(tokens)


def _aligned(rows: list[list[str]], left: range | int) -> str:
    """Columns under one another; those in `left`, or the first `left`, begin at their left."""
    left = range(left) if isinstance(left, int) else left
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            blank = " " * (width - _width(cell))
            cells.append(cell + blank if place in left else blank + cell)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _width(text: str) -> int:
    """Places that a text takes on a terminal; an emoji of several characters takes two.

    >>> [_width(text) for text in ("e\u0301", "想", "👩\u200d👧", "👍🏽", "1\ufe0f\u20e3")]
    [1, 2, 2, 2, 2]
    """
    text = re.sub("\u200d.|(?<=.)[\U0001f3fb-\U0001f3ff]", "", text)
    places = 0
    for character, after in zip_longest(text, text[1:]):
        if unicodedata.category(character) not in ("Mn", "Me", "Cf"):
            # The variation selector makes an emoji of what is a narrow sign without it.
            wide = unicodedata.east_asian_width(character) in "WF" or after == "\ufe0f"
            places += 2 if wide else 1
    return places
