"""Text read from files as a stream, checked byte by byte."""

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfseq.errors import InputError

_BLOCK_BYTES = 1 << 20
_BYTE_ORDER_MARK = "\ufeff"


def read_documents(path: Path, encoding_errors: str, text_field: str) -> Iterator[Iterator[str]]:
    """Yield the documents of a file, each as pieces of text.

    A `.jsonl` file has one document a line, any other file is one document. Either may be
    compressed (`.gz`). Line ends are kept as they are; a byte order mark at the start is
    dropped.

    Raises:
        InputError: while reading, if the file cannot be read, is a broken gzip file, or has
            invalid UTF-8, a line that is not JSON or lacks the text field. It names the place.
    """
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        for document in _read_json_lines(path, encoding_errors, text_field):
            yield iter([document])
    else:
        yield _read_text(path, encoding_errors)


def _read_text(path: Path, encoding_errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(encoding_errors)
    offset = 0
    with _open(path) as file:
        while True:
            block = file.read(_BLOCK_BYTES)
            held_back, _ = decoder.getstate()
            start = offset - len(held_back)
            with _invalid_bytes_named(path, start):
                text = decoder.decode(block, final=not block)
            yield text.removeprefix(_BYTE_ORDER_MARK) if start == 0 else text
            offset += len(block)
            if not block:
                return


def _read_json_lines(path: Path, encoding_errors: str, text_field: str) -> Iterator[str]:
    offset = 0
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            with _invalid_bytes_named(path, offset):
                text = line.decode(errors=encoding_errors).strip()
            offset += len(line)
            text = text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text
            if text:
                document = _parse(text, text_field, f"{path}:{number}")
                yield _encodable(document, encoding_errors, f"{path}:{number}")


def _parse(line: str, text_field: str, place: str) -> str:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{place}: not JSON: {error.msg} at column {error.colno}.") from None
    except ValueError as error:  # A number of thousands of digits.
        raise InputError(f"{place}: not JSON: {error}.") from None
    except RecursionError:
        raise InputError(f"{place}: JSON nested too deeply.") from None
    if not isinstance(record, dict):
        raise InputError(f"{place}: must be a JSON object. Received: {type(record).__name__}.")
    if text_field not in record:
        raise InputError(
            f"{place}: no field {text_field!r}. Received: {', '.join(record) or 'none'}."
        )
    if not isinstance(record[text_field], str):
        raise InputError(
            f"{place}: field {text_field!r} must be a string. "
            f"Received: {type(record[text_field]).__name__}."
        )
    return record[text_field]


def _encodable(text: str, encoding_errors: str, place: str) -> str:
    # JSON can escape half of a surrogate pair, which is no character.
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if encoding_errors == "strict":
            raise InputError(
                f"{place}: invalid Unicode: half of a surrogate pair at character {error.start}."
            ) from None
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


@contextmanager
def _open(path: Path) -> Iterator:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a whole gzip file: {error}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


@contextmanager
def _invalid_bytes_named(path: Path, start: int) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        within = " of the decompressed text" if path.suffix == ".gz" else ""
        raise InputError(
            f"{path} is not valid UTF-8: {error.reason} at byte {start + error.start}{within} "
            f"(0x{error.object[error.start]:02x}). "
            "With `--encoding-errors replace` such bytes are read as U+FFFD."
        ) from None
