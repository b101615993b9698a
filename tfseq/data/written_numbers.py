"""Numbers as people and programs write them: decimal points or commas, thousands set apart."""

import math
import re
from collections.abc import Sequence

# What thousands may be set apart with, besides the other one of point and comma.
_SPACES = " '’\u00a0\u202f\u2009"
_PATTERNS = {
    mark: re.compile(
        rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:([{_SPACES}{re.escape(other)}])\d{{3}})(?:\1\d{{3}})*)?"
        rf"(?:{re.escape(mark)}\d*)?(?:[eE][+-]?\d+)?"
    )
    for mark, other in ((".", ","), (",", "."))
}
# One group of thousands, or three decimals: it cannot be told which.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}")


class AmbiguousNumberError(ValueError):
    """A column's numbers may be read in two ways; `place` is that of the first such cell."""

    def __init__(self, place: int):
        super().__init__(place)
        self.place = place


def is_number(text: str) -> bool:
    """Whether a cell is a number, as one or another country writes it.

    >>> [is_number(text) for text in ("1e3", "1.234,5", "1 May", "2020-01-01", "nan", "1_0")]
    [True, True, False, False, False, False]
    """
    return any(_read(text, mark) is not None for mark in ".,")


def read_numbers(texts: Sequence[str]) -> list[float | None]:
    """Read the cells of a column, all in the same way; None for what is no number then.

    Cells that are all plain numbers are just that. Otherwise it is found out whether the comma is
    the decimal mark or sets thousands apart: by a cell that has both marks, a mark twice, or other
    than three digits after a comma.

    Raises:
        AmbiguousNumberError: no cell tells.

    >>> read_numbers(["1.234,50", "-2,5", "7"])
    [1234.5, -2.5, 7.0]
    >>> read_numbers(["1,234.50", "2", "x"])
    [1234.5, 2.0, None]
    """
    plain = [_plain(text) for text in texts]
    if not any(value is None and is_number(text) for text, value in zip(texts, plain, strict=True)):
        return plain
    readings = {mark: [_read(text, mark) for text in texts] for mark in ".,"}
    known = {mark: sum(value is not None for value in values) for mark, values in readings.items()}
    mark = max(".,", key=known.get)
    other = "," if mark == "." else "."
    used = [place for place, text in enumerate(texts) if "," in text and is_number(text)]
    told = any(_tells(texts[place]) for place in used)
    grouped = [place for place, text in enumerate(texts) if other in text and is_number(text)]
    proven = any(_proves_groups(texts[place], other) for place in grouped)
    if (used and not told) or (grouped and not proven):
        raise AmbiguousNumberError((grouped or used)[0])
    return readings[mark]


def _plain(text: str) -> float | None:
    try:
        value = float(text.replace("−", "-"))
    except ValueError:
        return None
    # Python reads 1_000 too, which no other program means as a number.
    return None if math.isnan(value) or "_" in text else value


def _read(text: str, mark: str) -> float | None:
    if (value := _plain(text)) is not None and ("." not in text or mark == "."):
        return value
    match = _PATTERNS[mark].fullmatch(text.replace("−", "-"))
    if not match or not any(c.isdecimal() for c in text):
        return None
    digits = text.replace(match[1], "") if match[1] else text
    return _plain(digits.replace(mark, "."))


def _tells(text: str) -> bool:
    """Whether a cell with a comma says what the comma is."""
    return not _EITHER.fullmatch(text)


def _proves_groups(text: str, separator: str) -> bool:
    """Whether a cell with a mark shows that it sets thousands apart."""
    return text.count(separator) > 1 or ("," in text and "." in text)
