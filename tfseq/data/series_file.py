"""Columns of numbers read from a CSV file, or one clear error that names row and column."""

import csv
import difflib
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfseq.data.series import Series
from tfseq.errors import InputError

#: The largest size of a number: float32 has room for it, for 100 times it, and for differences.
LARGEST = 1e30

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})


def read_series(path: str | os.PathLike, columns: Sequence[str] | None = None) -> Series:
    """Read columns of a CSV file: commas, names in the first line, a row for each step of time.

    Rows are taken in the file's order, the oldest first, at equal steps of time.

    Args:
        path: the file, UTF-8.
        columns: names of the columns, in the order wanted; None takes all whose first value is a
            number.

    Raises:
        InputError: the file cannot be read, has no such column, or a value is missing, is no
            number, or is larger than 1e30 in size. The message names line and column.

    Example:

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = pathlib.Path(directory, "air.csv")
    ...     _ = path.write_text("month,passengers\\n1949-01,112\\n1949-02,118\\n")
    ...     series = read_series(path)
    >>> series.columns, series.values.ravel().tolist()
    (('passengers',), [112.0, 118.0])
    """
    path = Path(path)
    header, rows = _read_rows(path)
    if columns is None:
        chosen = [i for i, text in enumerate(rows[0][1]) if _number(text) is not None]
        if not chosen:
            raise InputError(
                f"`--data` {path}: the first row of values has no number. It needs values parted "
                f"by commas, at least one column of them numbers. Its columns: {_names(header)}."
            )
    else:
        chosen = [_find(name, header, path) for name in columns]
    values = np.empty([len(rows), len(chosen)])
    for row, (line, cells) in enumerate(rows):
        for place, column in enumerate(chosen):
            values[row, place] = _checked(cells[column], path, line, header[column])
    return Series(path.stem, tuple(header[i] for i in chosen), values)


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names of the columns, and the rows with their line numbers."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except OSError as error:
        raise InputError(f"`--data` {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"`--data` {path} is no CSV file in UTF-8: {error}.") from error
    while rows and not any(rows[-1][1]):
        rows.pop()
    if not rows:
        raise InputError(f"`--data` {path} is empty.")
    (_, header), *rows = rows
    if not any(header) or all(_number(name) is not None for name in header):
        raise InputError(
            f"`--data` {path}: the first line must name the columns. Received: {_names(header)}."
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"`--data` {path} names a column twice: {_names(twice)}.")
    if not rows:
        raise InputError(f"`--data` {path} has no row after the names of its columns.")
    for line, cells in rows:
        # An empty line of a file with one column is a missing value of it.
        cells += [""] if not cells and len(header) == 1 else []
        if len(cells) != len(header):
            raise InputError(
                f"`--data` {path}, line {line}: {len(cells)} values for {len(header)} columns."
            )
    return header, rows


def _find(name: str, header: list[str], path: Path) -> int:
    if name in header:
        return header.index(name)
    near = difflib.get_close_matches(name, header, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InputError(f"`--columns`: {path} has no column {name!r}; it has {_names(header)}.{hint}")


def _checked(text: str, path: Path, line: int, column: str) -> float:
    value = _number(text)
    if value is not None and abs(value) <= LARGEST:
        return value
    place = f"`--data` {path}, line {line}, column {column!r}"
    if text.casefold() in _MISSING:
        raise InputError(
            f"{place}: the value is missing{f' ({text})' if text else ''}. Fill it in, or leave "
            "out the rows before it."
        )
    raise InputError(f"{place}: must be a number from -1e30 to 1e30. Received: {text!r}.")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    # Python reads 1_000 too, which no other program means as a number.
    return None if math.isnan(value) or "_" in text else value


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown}, and {len(names) - 20} more" if len(names) > 20 else shown
