"""Tables of plain text, for a terminal."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import count, zip_longest


def aligned(rows: Iterable[Sequence[str]], left: Collection[int] = (0,), least: int = 0) -> str:
    """Rows of cells as lines of text, columns under one another, two spaces between them.

    Args:
        rows: the cells, as many in each row.
        left: the columns that begin at their left; the others end at their right.
        least: the least width of those others.

    >>> print(aligned([["", "loss"], ["GRU", "0.5"]], least=6))
           loss
    GRU     0.5
    """
    rows = list(rows)
    widths = [
        max(0 if n in left else least, *map(_width, column))
        for n, column in enumerate(zip(*rows, strict=True))
    ]

    def padded(n: int, cell: str) -> str:
        blank = " " * (widths[n] - _width(cell))
        return cell + blank if n in left else blank + cell

    return "\n".join("  ".join(map(padded, count(), row)).rstrip() for row in rows)


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
