"""Files of JSON lines as one Parquet file."""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]


def write_parquet(parts: Sequence[Path], path: Path) -> None:
    """Write each file as a row group, one in memory at a time.

    A column has one type. Where its values have none in common, such as numbers and texts, or one
    that Parquet cannot hold, it holds texts: the values as JSON.
    """
    import pyarrow
    import pyarrow.parquet

    schema, as_json = _schema(parts)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for rows in map(_rows, parts):
            for row in rows:
                row.update({name: _json(row[name]) for name in as_json & row.keys()})
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _schema(parts: Sequence[Path]) -> tuple[Any, set[str]]:
    """The type of each column, and which columns are to be JSON."""
    import pyarrow

    types: dict[str, Any] = {}
    as_json: set[str] = set()
    mixed: set[str] = set()
    for name, values in _columns(parts):
        before = types.setdefault(name, pyarrow.null())
        if name in as_json:
            continue
        try:
            found = pyarrow.array(values).type
            types[name] = pyarrow.unify_schemas(
                [pyarrow.schema([(name, one)]) for one in (before, found)],
                promote_options="permissive",
            )[0].type
            if before != pyarrow.null() and len({before, found, types[name]}) > 1:
                mixed.add(name)
        except (pyarrow.ArrowException, OverflowError):
            as_json.add(name)
    # A type that fits the types of all parts need not fit all values: not every integer is a float.
    for name, values in _columns(parts, mixed - as_json):
        try:
            pyarrow.array(values, types[name])
        except (pyarrow.ArrowException, OverflowError):
            as_json.add(name)
    as_json |= {name for name, type_ in types.items() if _is_empty(type_)}
    types |= dict.fromkeys(as_json, pyarrow.string())
    return pyarrow.schema([*types.items()]), as_json


def _columns(
    parts: Sequence[Path], names: Collection[str] | None = None
) -> Iterator[tuple[str, list[Any]]]:
    """The values of each column in each part, or of some of the columns."""
    for rows in map(_rows, parts if names is None or names else ()):
        for name in dict.fromkeys(name for row in rows for name in row):
            if names is None or name in names:
                yield name, [row.get(name) for row in rows]


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _is_empty(type_: Any) -> bool:
    """Whether a type has somewhere a record without fields."""
    import pyarrow

    if pyarrow.types.is_struct(type_):
        return not type_.num_fields or any(_is_empty(field.type) for field in type_)
    return pyarrow.types.is_list(type_) and _is_empty(type_.value_type)


def _rows(part: Path) -> Rows:
    return [json.loads(line) for line in part.read_bytes().splitlines()]
