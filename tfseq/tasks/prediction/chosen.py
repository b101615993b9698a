"""What is taken from records, and how many of them are done together."""

import datetime
import decimal
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tfseq.errors import InputError
from tfseq.files.text_bytes import is_unicode
from tfseq.tasks.prediction.answers import Rows
from tfseq.tasks.prediction.records import Record

# Characters and numbers of a part, after which it takes no more rows.
_MOST_VALUES = 1 << 23


def chosen(record: Record, field: str, keep: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """The place and input of a record, and what is kept of it, as JSON can hold it.

    Dates and decimals, which Parquet has, become texts; infinity and NaN become null.

    Raises:
        InputError: it has not got a field, or what is to be kept cannot be written.

    >>> chosen(Record("a:1", {"text": "x", "day": datetime.date(2020, 5, 1)}), "text", ["day"])
    (('a:1', 'x'), {'day': '2020-05-01'})
    """
    for name in (field, *keep):
        if name not in record.fields:
            names = ", ".join(map(repr, record.fields)) or "nothing"
            what = "field" if name == field else "keep"
            raise InputError(f"`{what}`: {record.place} has no {name!r}. It has: {names}.")
    try:
        kept = {name: _plain(record.fields[name]) for name in keep}
    except TypeError as error:
        raise InputError(
            f"`keep`: {record.place} has a value that cannot be written as JSON: {error}."
        ) from None
    return (record.place, record.fields[field]), kept


def grouped(rows: Iterable[Any], size: int) -> Iterator[Rows]:
    """Neighbours, so many at a time, and fewer where they are long."""
    group, values = [], 0
    for row in rows:
        group.append(row)
        values += _num_values(row)
        if len(group) == size or values >= _MOST_VALUES:
            yield group
            group, values = [], 0
    if group:
        yield group


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str) and not is_unicode(value):
        raise TypeError("half of a surrogate pair, which is no character")
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"{type(value).__name__}")


def _num_values(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_num_values, value.values()))
    return sum(map(_num_values, value)) if isinstance(value, list | tuple) else 1
