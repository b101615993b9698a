"""Rows of a table read from a text file: commas, semicolons or tabs between the columns."""

import csv
import sys
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from tfseq.errors import InputError
from tfseq.files.text_reader import read_lines

# In this order where the first lines leave the choice.
_DELIMITERS = "\t;,"
_SEEN_LINES = 20


class Table(NamedTuple):
    """A table as a stream.

    Attributes:
        names: the names in its first line, without white space at their ends; "" for none.
        rows: (number of the line, cells) of what follows; cells are as they are in the file.
        delimiter: what parts its columns.
    """

    names: list[str]
    rows: Iterator[tuple[int, list[str]]]
    delimiter: str


def read_table(path: Path) -> Table:
    r"""Read a CSV file: names in the first line, and rows.

    The delimiter is that of the first line: tabs, semicolons or commas, or what a
    first line `sep=;` says. Cells with one of these, a quote or a line break stand in double
    quotes. Where tabs part the columns, no cell has both a tab and a line break: programs write
    quotes there that belong to the text, and everything up to the next one would be one cell.

    Raises:
        InputError: the file is no text (see `read_text`), has nothing in it, has two columns of
            one name, or, while reading, a quote that is not closed, or only rows later. It names
            the line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     path = Path(place, "a.csv")
    ...     _ = path.write_text("day;price\n1 May;2,5\n")
    ...     table = read_table(path)
    ...     table.names, list(table.rows)
    (['day', 'price'], [(2, ['1 May', '2,5'])])
    """
    # A cell may be as long as a text is; the module's own limit is 128 KiB.
    csv.field_size_limit(sys.maxsize)
    lines = read_lines(path)
    head = list(islice(lines, _SEEN_LINES))
    first_line = 1
    if head and head[0].strip().startswith("sep=") and len(head[0].strip()) == 5:
        delimiter = head.pop(0).strip()[-1]
        first_line = 2
    else:
        delimiter = _delimiter(head)
    rows = _rows(path, chain(head, lines), delimiter, first_line)
    header = next((cells for _, cells in rows if any(map(str.strip, cells))), None)
    if header is None:
        raise InputError(f"{path} is empty.")
    names = [" ".join(name.split()) for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(f"{path} names a column twice: {', '.join(twice)}.")
    return Table(names, rows, delimiter)


def _delimiter(head: Sequence[str]) -> str:
    """What parts the columns: it is in the first line, and as often in the one after it."""
    counts = {}
    for delimiter in _DELIMITERS:
        rows = (row for row in csv.reader(head, delimiter=delimiter) if any(map(str.strip, row)))
        names, values = next(rows, []), next(rows, None)
        if len(names) > 1:
            counts[delimiter] = values is not None and len(values) == len(names)
    return max(counts, key=counts.get, default=",")


def _rows(
    path: Path, lines: Iterator[str], delimiter: str, line: int
) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line in which it begins."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    before = line - 1
    try:
        for cells in reader:
            # A cell of a file with tabs that holds what looks like rows of its own.
            rows = (cell for cell in cells if "\t" in cell and ("\n" in cell or "\r" in cell))
            if delimiter == "\t" and (within := next(rows, None)):
                raise InputError(
                    f'{path}:{line}: a double quote (") is opened here and closed in a later line, '
                    "with tabs between. If it belongs to the text, write it twice and put the text "
                    f"in quotes; else take the tabs out of the text. Received: {within[:40]!r}."
                )
            yield line, cells
            line = before + reader.line_num + 1
    except csv.Error as error:
        what = (
            'a double quote (") is opened here and never closed.'
            if "unexpected end" in str(error)
            else f"not CSV: {error}. A double quote within quotes is written twice."
        )
        raise InputError(f"{path}:{line}: {what}") from None
