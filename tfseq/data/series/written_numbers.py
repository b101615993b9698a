"""Numbers as people and programs write them: decimal points or commas, thousands set apart."""

import math
import re
from collections.abc import Collection, Sequence

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
# A day and a month, or a month and a year: a point between them is no decimal mark.
_DATE_PARTS = re.compile(r"(0?[1-9]|[12]\d|3[01])\.(0[1-9]|1[0-2]|(19|20)\d\d)\.?")


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


def decimal_marks(texts: Sequence[str]) -> set[str]:
    """The decimal marks that cells prove: those of numbers that no other mark makes sense of.

    >>> [decimal_marks([text]) for text in ("0.125", "1.234,56", "1,234.56", "1.234", "7")]
    [{'.'}, {','}, {'.'}, set(), set()]
    """
    marks = set()
    for text in texts:
        readable = [mark for mark in ".," if _read(text, mark) is not None]
        if len(readable) == 1:
            marks.update(readable)
    if marks == {"."} and all(_DATE_PARTS.fullmatch(text) for text in texts if "." in text):
        return set()
    return marks


def read_numbers(
    texts: Sequence[str], elsewhere: Collection[str] = (), points_group: bool = False
) -> list[float | None]:
    """Read the cells of a column, all in the same way; None for what is no number then.

    A cell tells whether the comma or the point is the decimal mark: by both marks, a mark twice, or
    other than three digits after a mark. Where no cell does, the other columns tell; where these do
    not either, a point is the decimal mark.

    Args:
        texts: the cells.
        elsewhere: the `decimal_marks` of the table's other columns.
        points_group: whether points may be between thousands though nothing tells, as they are in
            countries that part columns by semicolons. Then whole numbers beside others with three
            digits after a point are ambiguous.

    Raises:
        AmbiguousNumberError: nothing tells.

    >>> read_numbers(["1.234,50", "-2,5", "7"]), read_numbers(["1,234.50", "2", "x"])
    ([1234.5, -2.5, 7.0], [1234.5, 2.0, None])
    >>> read_numbers(["1.234", "980"], elsewhere={","})
    [1234.0, 980.0]
    """
    plain = [_plain(text) for text in texts]
    if not any(value is None and is_number(text) for text, value in zip(texts, plain, strict=True)):
        return _read_points(texts, plain, set(elsewhere), points_group)
    readings = {mark: [_read(text, mark) for text in texts] for mark in ".,"}
    known = {mark: sum(value is not None for value in values) for mark, values in readings.items()}
    mark = max(".,", key=known.get)
    other = "," if mark == "." else "."
    used = [place for place, text in enumerate(texts) if "," in text and is_number(text)]
    told = any(not _EITHER.fullmatch(texts[place]) for place in used)
    grouped = [place for place, text in enumerate(texts) if other in text and is_number(text)]
    # Twice in a cell, or beside the other mark, a mark sets thousands apart.
    proven = any(texts[p].count(other) > 1 or {*",."} <= {*texts[p]} for p in grouped)
    if (used and not told) or (grouped and not proven):
        if len(elsewhere) == 1:
            return readings[next(iter(elsewhere))]
        raise AmbiguousNumberError((grouped or used)[0])
    return readings[mark]


def _read_points(
    texts: Sequence[str], plain: list[float | None], elsewhere: set[str], points_group: bool
) -> list[float | None]:
    """The numbers of a column whose only mark is the point, and that at most once a cell."""
    numbers = [text for text, value in zip(texts, plain, strict=True) if value is not None]
    pointed = [text for text in numbers if "." in text]
    if not pointed or not all(map(_EITHER.fullmatch, pointed)) or elsewhere == {"."}:
        return plain
    if elsewhere == {","}:
        return [_read(text, ",") for text in texts]
    # Three decimals in every cell are how a program writes them; in some, thousands.
    if elsewhere or (points_group and len(pointed) < len(numbers)):
        raise AmbiguousNumberError(texts.index(pointed[0]))
    return plain


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
