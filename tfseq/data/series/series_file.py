"""Columns of numbers read from a CSV file, or one clear error that names row and column."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from tfseq.data.series.series import Series
from tfseq.data.series.time_columns import counts_steps, is_date, newest_first
from tfseq.data.series.written_numbers import (
    AmbiguousNumberError,
    decimal_marks,
    is_number,
    read_numbers,
)
from tfseq.errors import InputError, did_you_mean
from tfseq.files.table_file import read_table
from tfseq.files.text_reader import stem

#: The largest size of a number: float32 has room for it, for 100 times it, and for differences.
LARGEST = 1e30

_MISSING = frozenset(
    "|na|n/a|n.a.|nan|<na>|#n/a|#na|null|nil|none|nat|missing|-|--|?|.|\\n".split("|")
)


def read_series(path: str | os.PathLike, columns: Sequence[str] | None = None) -> Series:
    """Read columns of a CSV file: names in the first line, a row for each step of time.

    Columns are separated by commas, semicolons or tabs (see `tfseq.files.table_file`), and numbers
    written as in one country or another (see `tfseq.data.series.written_numbers`). Rows are taken
    in the file's order, the oldest first, at equal steps of time. A column without a name is called
    `column 1` after its place.

    Args:
        path: the file, UTF-8, perhaps compressed (`.gz`).
        columns: names of the columns, in the order wanted; None takes all that hold numbers (at
            least half of what is in them), but those that number rows or times (see
            `tfseq.data.series.time_columns`). The series' `notes` name what was left out.

    Raises:
        InputError: the file cannot be read, has no such column, or a value is missing, is no
            number, or is larger than 1e30 in size. The message names line and column.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = pathlib.Path(directory, "air.csv")
    ...     _ = path.write_text("month,passengers\\n1949-01,112\\n1949-02,118\\n")
    ...     series = read_series(path)
    >>> series.columns, series.values.ravel().tolist(), series.notes
    (('passengers',), [112.0, 118.0], ('left out: month (no numbers).',))
    """
    path = Path(path)
    table = _read_columns(path)
    notes = [
        f"rows are taken to be the oldest first, though {column.name} falls: if it is a time, turn "
        "the rows round."
        for column in table
        if column.known
        and (column.steps is not None or not column.num_numbers)
        and newest_first(column.known, column.steps)
    ]
    if columns is None:
        chosen, left_out = _columns_of_numbers(table, path)
        notes += left_out
    else:
        chosen = [_find(name, table, path) for name in columns]
    values = np.stack([column.checked(path) for column in chosen], axis=1)
    return Series(stem(path), tuple(column.name for column in chosen), values, notes=tuple(notes))


class _Column:
    """A column: `texts` are its cells, `lines` their lines, `given` the name in the file."""

    def __init__(self, name: str, given: str, texts: list[str], lines: Sequence[int]):
        self.name, self.given, self.texts, self.lines = name, given, texts, lines
        self.known = [text for text in texts if text.casefold() not in _MISSING]
        self.num_numbers = sum(map(is_number, self.known))
        # A column of numbers, though some may be missing or wrong.
        self.holds_numbers = 2 * self.num_numbers >= max(len(self.known), 1)
        # What tells how its numbers are written, besides themselves; see `read_numbers`.
        self.marks_elsewhere: set[str] = set()
        self.points_group = False

    @cached_property
    def steps(self) -> np.ndarray | None:
        """The numbers that are known, if all are numbers and count rows or times."""
        try:
            values = self._read(self.known)
        except AmbiguousNumberError:
            return None
        if not values or None in values:
            return None
        values = np.array(values)
        return values if counts_steps(self.given, self.known, values) else None

    def checked(self, path: Path) -> np.ndarray:
        """The numbers, float64 `[N]`, or an InputError that names the first bad one's line."""
        try:
            values = self._read(self.texts)
        except AmbiguousNumberError as error:
            text, mark = self.texts[error.place], "comma"
            advice = "Write numbers with a decimal point alone."
            if "," not in text:
                mark = "point"
                advice = (
                    "Leave out the points between thousands; if they are decimal points, give one "
                    f"value a fourth decimal, such as {text}0."
                )
            raise InputError(
                f"{self._place(path, error.place)}: {text!r} can be read in two ways, with the "
                f"{mark} as the decimal mark or between thousands, and no other value decides it. "
                f"{advice}"
            ) from None
        for place, (text, value) in enumerate(zip(self.texts, values, strict=True)):
            if text.casefold() in _MISSING:
                shown = f" ({text})" if text else ""
                raise InputError(
                    f"{self._place(path, place)}: the value is missing{shown}. Fill it in, or "
                    "remove the rows up to it."
                )
            if value is None or abs(value) > LARGEST:
                raise InputError(
                    f"{self._place(path, place)}: must be a number from -1e30 to 1e30. Received: "
                    f"{text!r}. Remove a row of units; to leave the column out, name the others "
                    "in `columns`."
                )
        return np.array(values)

    def _read(self, texts: list[str]) -> list[float | None]:
        return read_numbers(texts, self.marks_elsewhere, self.points_group)

    def _place(self, path: Path, place: int) -> str:
        return f"{path}, line {self.lines[place]}, column {self.name!r}"


def _read_columns(path: Path) -> list[_Column]:
    names, rows, delimiter = read_table(path)
    rows = [(line, [cell.strip() for cell in cells]) for line, cells in rows]
    while rows and not any(rows[-1][1]):
        rows.pop()
    given = names[: max(place for place, name in enumerate(names) if name) + 1]
    if any(map(is_number, given)) and all(is_number(name) or is_date(name) for name in given):
        raise InputError(
            f"{path}: the first line must name the columns. Received: {_listed(names)}."
        )
    if not rows:
        raise InputError(f"{path} has no row below the names of its columns.")
    for line, cells in rows:
        # An empty line of a file with one column is a missing value of it.
        cells += [""] if not cells and len(names) == 1 else []
        # Spreadsheets write empty columns at the right.
        while len(cells) > len(names) and not cells[-1]:
            cells.pop()
        if len(cells) != len(names):
            hint = ""
            if delimiter == "," and len(cells) > len(names):
                hint = (
                    " separated by commas; a number with a comma needs quotes, or semicolons "
                    "around it"
                )
            raise InputError(
                f"{path}, line {line}: {len(cells)} values for {len(names)} columns{hint}."
            )
        if broken := next((cell for cell in cells if "\n" in cell or "\r" in cell), None):
            raise InputError(
                f"{path}, line {line}: a double quote is opened here and closed in a later line. "
                f"Received: {broken[:40]!r}."
            )
    lines = [line for line, _ in rows]
    columns = []
    for place, given in enumerate(names):
        texts = [cells[place] for _, cells in rows]
        if given or any(texts):
            columns.append(_Column(given or _free_name(place, names), given, texts, lines))
    # Every column knows which decimal marks the others prove: a table is written in one way.
    marks = [decimal_marks(column.known) if column.holds_numbers else set() for column in columns]
    for place, column in enumerate(columns):
        column.marks_elsewhere = set().union(*marks[:place], *marks[place + 1 :])
        column.points_group = delimiter == ";"
    return columns


def _free_name(place: int, names: Sequence[str]) -> str:
    name = f"column {place + 1}"
    while name in names:
        name += "'"
    return name


def _columns_of_numbers(columns: list[_Column], path: Path) -> tuple[list[_Column], list[str]]:
    """The columns to forecast unasked, and notes on the others."""
    known = [column for column in columns if column.known]
    chosen = [column for column in known if column.holds_numbers and column.steps is None]
    counters = [column for column in known if column.holds_numbers and column.steps is not None]
    notes = [
        f"left out: {_listed([column.name for column in left_out])} ({why})."
        for left_out, why in (
            (counters, "row numbers or times, which are taken only by name"),
            ([column for column in known if not column.holds_numbers], "no numbers"),
            ([column for column in columns if not column.known], "empty"),
        )
        if left_out
    ]
    if not chosen:
        raise InputError(
            f"{path} has no column to forecast; {' '.join(notes)} Columns are separated by commas, "
            "semicolons or tabs."
        )
    return chosen, notes


def _find(name: str, columns: list[_Column], path: Path) -> _Column:
    found = next((column for column in columns if name in (column.name, column.given)), None)
    if found is not None:
        return found
    names = [column.name for column in columns]
    raise InputError(
        f"`columns`: {path} has no column {name!r}; it has {_listed(names)}."
        f"{did_you_mean(name, names)}"
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown}, and {len(names) - 20} more" if len(names) > 20 else shown
