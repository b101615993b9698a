"""What `scale.py` prints."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them.

    >>> duration(0.0123), duration(42), duration(420), duration(42_000)
    ('12.3 ms', '42.0 s', '7.0 min', '11.7 h')
    """
    for limit, unit, name in ((1.0, 1e-3, "ms"), (120.0, 1.0, "s"), (7200.0, 60.0, "min")):
        if seconds < limit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds / 3600:,.1f} h"


def size(megabytes: float) -> str:
    """Megabytes in the unit that suits them.

    >>> size(0.5), size(1500), size(2e6)
    ('0.5 MB', '1.5 GB', '2.0 TB')
    """
    for limit, unit, name in ((1e3, 1, "MB"), (1e6, 1e3, "GB")):
        if megabytes < limit:
            return f"{megabytes / unit:.1f} {name}"
    return f"{megabytes / 1e6:.1f} TB"


def name_of(loop: str) -> str:
    """What is trained, in words, as other tables have it.

    >>> name_of("gru:32x35x256:64:104")
    'GRU 32×35×256, embedding 64, vocabulary 104'
    """
    cell, sizes, embedding, vocabulary = loop.split(":")
    sizes = sizes.replace("x", "×")
    return f"{cell.upper()} {sizes}, embedding {embedding}, vocabulary {vocabulary}"


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table in Markdown, whose first column is aligned on the left and the others on the right.

    >>> print_table(["", "seconds"], [["one", "1.5"]])
    | | seconds |
    |---|---:|
    | one | 1.5 |
    <BLANKLINE>
    """
    ruler = "|---|" + "---:|" * (len(head) - 1)
    first, *others = ("| " + " | ".join(line) + " |" for line in (head, *rows))
    print(first.replace("|  |", "| |"), ruler, *others, "", sep="\n")


def ranged(values: Sequence[float]) -> str:
    """The median of durations, and their range if there are several.

    >>> ranged([1.0, 3.0, 2.5]), ranged([1.0])
    ('2.5 s (1.0 s to 3.0 s)', '1.0 s')
    """
    middle = duration(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({duration(min(values))} to {duration(max(values))})"


def print_ratios(
    seconds: Mapping[str, Sequence[float]], peer: str, amount: str = "", of: float = 0.0
) -> None:
    """Times of contenders that took turns, what they do in a second, and the peer's time / theirs.

    Args:
        seconds: of each turn, by the name of the contender.
        peer: with whom all are compared.
        amount: the unit of what they do, if that is to be shown.
        of: how much.
    """
    rows = []
    for name, values in seconds.items():
        median = statistics.median(values)
        ratio, turns = statistics.median(seconds[peer]) / median, np.divide(seconds[peer], values)
        rows.append(
            [
                name,
                ranged(values),
                *([f"{of / median:,.{1 if of / median < 100 else 0}f}"] if amount else []),
                f"{ratio:.2f}" + (_turns(turns, ".2f") if name != peer else ""),
            ]
        )
    shown = [amount] if amount else []
    print_table(["", "median", *shown, f"{peer} / it"], rows)


def efficiency(seconds: Mapping[str, Sequence[float]], one: str, several: str, number: int) -> str:
    """T(1) / (N T(N)), of medians, with the range of single turns."""
    turns = np.divide(seconds[one], seconds[several]) / number
    middle = statistics.median(seconds[one]) / statistics.median(seconds[several]) / number
    return f"{middle:.0%}" + _turns(turns, ".0%")


def _turns(values: np.ndarray, form: str) -> str:
    return f" ({min(values):{form}} to {max(values):{form}})" if len(values) > 1 else ""
