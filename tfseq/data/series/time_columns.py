"""Columns that say when, or in which row, and not what: times, dates and row numbers."""

import re
from collections.abc import Sequence

import numpy as np

# A name of these words alone, at least one of the first row among them.
_NAMES = frozenset(
    "date dates datum time times zeit datetime timestamp ts epoch unix index idx id row rownum no "
    "nr unnamed year years jahr month day week hour quarter step t".split()
)
_BESIDE = frozenset("utc gmt local open close start end begin in s ms us ns number of".split())
# Parts of a date, which come round again.
_PARTS = {"month": 12, "day": 31, "hour": 24, "minute": 60, "second": 60, "week": 53, "quarter": 4}
_PARTS |= {"weekday": 7, "dayofweek": 7, "dow": 7, "dayofyear": 366, "doy": 366}
# From 1973 to 2100 in seconds, milliseconds, microseconds and nanoseconds; steps of minutes.
_EPOCHS = tuple((1e8 * unit, 4.2e9 * unit, 60 * unit) for unit in (1, 1e3, 1e6, 1e9))
# Decimals are rounded; how many rows it takes to tell a rounded line from a series.
_LEAST_ROUNDED = 8
_DATES = (
    re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d\d?)[-/.](?P<day>\d\d?)(?P<rest>\D.*)?"),
    re.compile(r"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4})(?P<rest>\D.*)?"),
)


def counts_steps(name: str, texts: Sequence[str], values: np.ndarray) -> bool:
    """Whether a column of numbers is one of times, or numbers the rows.

    It rises, or falls, from every row to the next: by equal steps; or it has no name, or one such
    as `time` or `id`; or its numbers are dates (`20240131`, `202401`) or Unix times. Or it is named
    as a part of a date is, such as `hour`, and has whole numbers in its range. Or it is named as
    times are and never moves, as where a file is of one year.

    Args:
        name: the column's name; "" where there is none.
        texts: what is in its cells.
        values: the numbers that they are, float64 `[N]`.

    >>> counts_steps("", ["0", "1", "2"], np.array([0.0, 1.0, 2.0]))
    True
    """
    steps = np.diff(values)
    if not np.all(np.isfinite(values)):
        return False
    if name.casefold() in _PARTS and _is_part(values, _PARTS[name.casefold()]):
        return True
    words = set(re.findall(r"[^\W\d_]+", name.casefold()))
    # What never moves may be the part of a date that a file is of.
    times = _NAMES if np.any(steps) else _NAMES | _PARTS.keys()
    named = not name or bool(words & times and words <= times | _BESIDE)
    if not np.any(steps):
        return bool(name) and named
    # Tables of several series have a time more than once; only its name tells then.
    if named and (np.all(steps >= 0) or np.all(steps <= 0)):
        return True
    if len(steps) < 2 or not (np.all(steps > 0) or np.all(steps < 0)):
        return False
    return _is_even(texts, values) or _is_calendar(values) or _is_epoch(values, steps)


def newest_first(texts: Sequence[str], values: np.ndarray | None) -> bool:
    """Whether a column of times, or of dates as texts, begins with the newest.

    `values` are the numbers that its cells are; None where they are none.

    >>> newest_first(["2024-01-02", "2024-01-01"], None), newest_first(["b", "a"], None)
    (True, False)
    """
    if values is not None:
        return bool(values[-1] < values[0] and np.all(np.diff(values) <= 0))
    for pattern in _DATES:
        matches = [pattern.fullmatch(text) for text in texts]
        if all(matches):
            days = [tuple(int(m[part]) for part in ("year", "month", "day")) for m in matches]
            return days[-1] < days[0] and days == sorted(days, reverse=True)
    return False


def is_date(text: str) -> bool:
    """Whether a text is a date in numbers, perhaps with a time.

    >>> [is_date(text) for text in ("2024-01-31T12:00", "31.1.2024", "May")]
    [True, True, False]
    """
    return any(pattern.fullmatch(text) for pattern in _DATES)


def _is_even(texts: Sequence[str], values: np.ndarray) -> bool:
    """Whether the numbers lie on a line, but for the rounding of their decimals."""
    steps = np.diff(values)
    if np.allclose(steps, steps[0], rtol=1e-6, atol=0):
        return True
    decimals = max((len(re.split("[.,]", t)[-1]) for t in texts if re.search("[.,]", t)), default=0)
    digit, step = 10.0**-decimals, abs(values[-1] - values[0]) / len(steps)
    if not decimals or len(values) < _LEAST_ROUNDED or step < 3 * digit:
        return False
    line = np.linspace(values[0], values[-1], len(values))
    return bool(np.abs(values - line).max() <= digit)


def _is_part(values: np.ndarray, most: int) -> bool:
    return bool(np.all(values == np.round(values))) and _in(values, 0, most)


def _is_calendar(values: np.ndarray) -> bool:
    """Whether they are dates, or months, written as one number, the year first."""
    days = values % 100
    return _are_months(values) or (_are_months((values - days) / 100) and _in(days, 1, 31))


def _are_months(values: np.ndarray) -> bool:
    months = values % 100
    whole = bool(np.all(values == np.round(values)))
    return whole and _in(months, 1, 12) and _in((values - months) / 100, 1800, 2200)


def _is_epoch(values: np.ndarray, steps: np.ndarray) -> bool:
    return any(_in(values, low, high) and not np.any(steps % unit) for low, high, unit in _EPOCHS)


def _in(values: np.ndarray, low: float, high: float) -> bool:
    return bool(np.all((values >= low) & (values <= high)))
