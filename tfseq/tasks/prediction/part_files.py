"""What is done of a long piece of work: parts in a directory, until all can be put together."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfseq.errors import InputError
from tfseq.files.atomic_file import atomic_file, write_atomically
from tfseq.files.json_objects import read_json_object
from tfseq.files.result_directory import check_writable
from tfseq.tasks.prediction.records import import_parquet

#: Endings of the files that are written.
ENDINGS = (".jsonl", ".parquet")
_ABOUT = "about.json"


class PartFiles:
    """Numbered parts of a file of results, each written whole or not at all.

    They lie beside it, in a directory whose name ends in `.parts`, with a file that says of what
    work they are parts. `join` puts them together and removes them.

    Args:
        output: the file of results, which is not there yet.
        about: what makes up the work, in values that JSON can hold.

    Raises:
        InputError: the file is there, its ending is none of `ENDINGS`, it cannot be written, or
            there are parts of other work.
    """

    def __init__(self, output: Path, about: Mapping[str, Any]):
        if output.suffix.lower() not in ENDINGS:
            raise InputError(f"`output` must end in {' or '.join(ENDINGS)}. Received: {output}.")
        if output.exists():
            raise InputError(f"`output` {output} exists. Name another file.")
        if output.suffix.lower() == ".parquet":
            import_parquet("output", output)
        self._output, self._place = output, output.with_name(f"{output.name}.parts")
        check_writable(self._place, "output")
        told = self._place / _ABOUT
        begun = told.exists() and any(self._place.glob("[0-9]*.jsonl"))
        if begun and read_json_object(told, "The file") != about:
            raise InputError(
                f"{self._place} has parts of other work: of another input, model or options. "
                "Remove it, or name another `output`."
            )
        self._place.mkdir(parents=True, exist_ok=True)
        write_atomically(told, json.dumps(about, indent=2).encode())

    def has(self, number: int) -> bool:
        """Whether a part is done."""
        return self._part(number).exists()

    def write(self, number: int, rows: list[Mapping[str, Any]]) -> None:
        """Keep the rows of a part."""
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        write_atomically(self._part(number), "".join(lines).encode())

    def join(self, num_parts: int) -> None:
        """Put all parts together, in the order of their numbers, and remove them."""
        parts = [self._part(number) for number in range(num_parts)]
        with atomic_file(self._output) as aside:
            if self._output.suffix.lower() == ".parquet":
                self._write_parquet(parts, aside)
            else:
                with aside.open("wb") as file:
                    for part in parts:
                        file.write(part.read_bytes())
        shutil.rmtree(self._place, ignore_errors=True)

    def _write_parquet(self, parts: list[Path], path: Path) -> None:
        import pyarrow

        try:
            _write_parquet(parts, path)
        except pyarrow.ArrowException as error:
            raise InputError(
                f"`output` {self._output}: a column's values are not of one type, which Parquet "
                f"wants: {error}. What is done is kept as JSON lines in {self._place}."
            ) from None

    def _part(self, number: int) -> Path:
        return self._place / f"{number:08}.jsonl"


def _rows(part: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in part.read_bytes().splitlines()]


def _write_parquet(parts: list[Path], path: Path) -> None:
    """Each part is a row group. Each column has one type, which must fit all its values."""
    import pyarrow
    import pyarrow.parquet

    def tables(schema=None) -> Iterator[Any]:
        for part in parts:
            yield pyarrow.Table.from_pylist(_rows(part), schema)

    schema = pyarrow.unify_schemas(
        [table.schema for table in tables()] or [pyarrow.schema([])], promote_options="permissive"
    )
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for table in tables(schema):
            writer.write_table(table)
