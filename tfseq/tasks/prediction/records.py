"""Records of files of many kinds, one after another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tfseq.errors import InputError
from tfseq.files.json_objects import json_records
from tfseq.files.table_file import read_table
from tfseq.files.text_reader import opened, plain_name, read_lines

#: Endings of the files that are read, which may also end in .gz but for the last.
ENDINGS = (".txt", ".jsonl", ".csv", ".tsv", ".parquet")
_ROWS_AT_ONCE = 64


class Record(NamedTuple):
    """One of a file's records.

    Attributes:
        place: where it stands, for messages.
        fields: what it holds by name; a line of text is its `text`.
    """

    place: str
    fields: dict[str, Any]


def read_records(path: Path, argument: str = "input") -> Iterator[Record]:
    r"""Read a file's records in their order, a few in memory at a time.

    - `.txt`: a record for every line, empty ones too; its field is `text`.
    - `.jsonl`: one for every line that is not empty, a JSON object.
    - `.csv`, `.tsv`: one for every row after the names; all fields are texts.
    - `.parquet`: one for every row. Needs PyArrow, which the extra `scale` brings.

    Args:
        path: the file.
        argument: what names it in messages.

    Raises:
        InputError: the ending is another one; or, while reading, the file cannot be read or a
            record is not as its kind of file has it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     path = Path(place, "a.txt")
    ...     _ = path.write_text("one\n\nthree\n")
    ...     [record.fields for record in read_records(path)]
    [{'text': 'one'}, {'text': ''}, {'text': 'three'}]
    """
    readers = {
        ".txt": _lines,
        ".jsonl": _objects,
        ".csv": _rows,
        ".tsv": _rows,
        ".parquet": _parquet_rows,
    }
    ending = Path(plain_name(path)).suffix
    if ending not in readers:
        *others, last = ENDINGS
        raise InputError(
            f"`{argument}` must end in {', '.join(others)} or {last}. Received: {path}."
        )
    if ending == ".parquet":
        import_parquet(argument, path)
    return readers[ending](path)


def _lines(path: Path) -> Iterator[Record]:
    for number, line in enumerate(read_lines(path), start=1):
        yield Record(f"{path}:{number}", {"text": line.rstrip("\r\n")})


def _objects(path: Path) -> Iterator[Record]:
    for place, fields in json_records(path, read_lines(path)):
        yield Record(place, fields)


def _rows(path: Path) -> Iterator[Record]:
    names, rows, _ = read_table(path)
    for number, cells in rows:
        if not cells:
            continue
        if len(cells) != len(names):
            raise InputError(
                f"{path}:{number}: a row must have {len(names)} cells, as the first line has. "
                f"Received: {len(cells)}."
            )
        yield Record(f"{path}:{number}", dict(zip(names, cells, strict=True)))


def _parquet_rows(path: Path) -> Iterator[Record]:
    import pyarrow.parquet as parquet

    try:
        with opened(path) as raw, parquet.ParquetFile(raw) as file:
            names = file.schema_arrow.names
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise InputError(f"{path} names a column twice: {', '.join(twice)}.")
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                for fields in batch.to_pylist():
                    number += 1
                    yield Record(f"{path}, row {number}", fields)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # PyArrow's own errors are among these.
        raise InputError(f"{path} cannot be read as Parquet: {_in_a_line(error)}") from None


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def import_parquet(argument: str, path: Path) -> Any:
    """The module `pyarrow.parquet`; raises InputError where it is not installed."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise InputError(
            f"`{argument}` {path} needs PyArrow, which is not installed: "
            '`pip install "tfseq[scale]"`.'
        ) from None
    return parquet
