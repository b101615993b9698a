"""JSON objects from lines and files, or one clear error that names the place."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tfseq.errors import InputError
from tfseq.files.text_reader import read_text

_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def read_json_object(path: str | os.PathLike, what: str) -> dict[str, Any]:
    """The one JSON object that a file holds.

    Args:
        path: the file.
        what: how an error calls the file.

    Raises:
        InputError: it cannot be read, is not JSON, or has a key twice.
    """
    try:
        text = "".join(read_text(Path(path)))
    except InputError as error:
        raise InputError(f"{what} {error}") from error
    return _parse(text, f"{what} {path}")


def json_records(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place (`FILE:LINE`) and the object of every line that is not empty.

    Raises:
        InputError: a line is not JSON, is no object, or has a key twice. It names the line.

    >>> list(json_records(Path("a.jsonl"), ['{"text": "one"}', ""]))
    [('a.jsonl:1', {'text': 'one'})]
    """
    for number, line in enumerate(lines, start=1):
        if line := line.strip():
            yield f"{path}:{number}", _parse(line, f"{path}:{number}")


def text_of_record(
    record: dict[str, Any],
    name: str,
    place: str,
    encoding_errors: str = "strict",
    label: bool = False,
) -> str:
    """The text that a record holds under a name.

    JSON can escape half of a surrogate pair, which is no character, and NUL, which is no text.

    Args:
        record: the object, or a row of a table.
        name: the key or column.
        place: where the record stands.
        encoding_errors: `strict`: such an escape is an error; `replace`: it becomes U+FFFD.
        label: whether an integer, true or false will do too.

    Raises:
        InputError: it is not there, or no text.
    """
    if name not in record:
        names = ", ".join(map(repr, record)) or "nothing"
        way = f" Name one by `{'label' if label else 'text'}_field`." if record else ""
        raise InputError(f"{place}: no {name!r}. It has: {names}.{way}")
    text = record[name]
    if label and isinstance(text, bool | int):
        text = json.dumps(text)
    if text is None:
        raise InputError(f"{place}: its {name!r} is empty.")
    if not isinstance(text, str):
        raise InputError(f"{place}: its {name!r} must be a string. Received: {text!r}.")
    bad = _NO_TEXT.search(text)
    if bad and encoding_errors == "strict":
        what = "a NUL" if bad[0] == "\0" else "invalid Unicode: half of a surrogate pair"
        raise InputError(f"{place}: its {name!r}: {what} at character {bad.start()}.")
    return _NO_TEXT.sub("\ufffd", text) if bad else text


def _parse(text: str, place: str) -> dict[str, Any]:
    pairs = []

    def keep(found):
        nonlocal pairs
        pairs = found  # Those of the outermost object come last.
        return dict(found)

    try:
        record = json.loads(text, object_pairs_hook=keep)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise InputError(f"{place}: not JSON: {error.msg} at {line}column {error.colno}.") from None
    except ValueError as error:  # A number of thousands of digits.
        raise InputError(f"{place}: not JSON: {error}.") from None
    except RecursionError:
        raise InputError(f"{place}: JSON nested too deeply.") from None
    if not isinstance(record, dict):
        raise InputError(f"{place}: must be a JSON object. Received: {type(record).__name__}.")
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1 and len(record) < len(names)]:
        raise InputError(f"{place}: has the field {twice[0]!r} twice.")
    return record
