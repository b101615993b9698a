"""Records from lines of JSON, or one clear error that names the line."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tfseq.errors import InputError

_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def json_records(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place (`FILE:LINE`) and the object of every line that is not empty.

    Args:
        path: the file, for messages.
        lines: its lines.

    Raises:
        InputError: a line is not JSON, is no object, or has a key twice. It names the line.

    >>> list(json_records(Path("a.jsonl"), ['{"text": "one"}', ""]))
    [('a.jsonl:1', {'text': 'one'})]
    """
    for number, line in enumerate(lines, start=1):
        if line := line.strip():
            yield f"{path}:{number}", _parse(line, f"{path}:{number}")


def text_of_record(record: dict[str, Any], field: str, encoding_errors: str, place: str) -> str:
    """The text that a record holds under a key.

    Args:
        record: the object.
        field: the key.
        encoding_errors: what is done about what is no text; see `checked_text`.
        place: where the record stands.

    Raises:
        InputError: it is not there, or no text.
    """
    if field not in record:
        raise InputError(f"{place}: no field {field!r}. Received: {', '.join(record) or 'none'}.")
    if not isinstance(record[field], str):
        raise InputError(
            f"{place}: field {field!r} must be a string. Received: {_kind(record[field])}."
        )
    return checked_text(record[field], encoding_errors, place)


def checked_text(text: str, encoding_errors: str, place: str) -> str:
    r"""The text, if all of it is what a text file may hold.

    JSON can escape half of a surrogate pair, which is no character, and NUL, which is no text.
    With `encoding_errors` `replace` they become U+FFFD.

    Raises:
        InputError: there is one of them, and `encoding_errors` is `strict`.

    >>> checked_text(chr(0xD83D) + "!" + chr(0), "replace", "a.jsonl:1")
    '\ufffd!\ufffd'
    """
    bad = _NO_TEXT.search(text)
    if not bad:
        return text
    if encoding_errors == "strict":
        what = "a NUL" if bad[0] == "\0" else "invalid Unicode: half of a surrogate pair"
        raise InputError(f"{place}: {what} at character {bad.start()}.")
    return _NO_TEXT.sub("\ufffd", text)


def _parse(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        raise InputError(f"{place}: not JSON: {error.msg} at column {error.colno}.") from None
    except ValueError as error:  # A number of thousands of digits.
        raise InputError(f"{place}: not JSON: {error}.") from None
    except RecursionError:
        raise InputError(f"{place}: JSON nested too deeply.") from None
    if not isinstance(record, _Object):
        raise InputError(f"{place}: must be a JSON object. Received: {_kind(record)}.")
    if record.twice:
        raise InputError(f"{place}: has the field {record.twice[0]!r} twice.")
    return dict(record)


def _kind(value: Any) -> str:
    return "object" if isinstance(value, dict) else type(value).__name__


class _Object(dict):
    """A JSON object that knows which keys it was given twice, of which the last would win."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.twice = [] if len(self) == len(names) else [n for n in names if names.count(n) > 1]
