"""Text read from files as a stream, checked byte by byte: the one reader for all that is text."""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tfseq.errors import InputError
from tfseq.files.invalid_utf8 import TextPlace, check_is_text

_BLOCK_BYTES = 1 << 20
# Enough to tell what a file is.
_HEAD_BYTES = 4096
# The longer ones first: a mark of UTF-32 begins as one of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# The first byte of a character, or one that is part of none; and what follows a line end.
_BEGINS_CHARACTER = re.compile(rb"(?=[^\x80-\xbf])")
_BEGINS_LINE = re.compile(rb"(?<=\n)(?=[\x00-\xff])|(?<=\r)(?=[^\n])")


def plain_name(path: Path) -> str:
    """The name of a file in lower case, without the `.gz` of a compressed one.

    >>> plain_name(Path("Mail.CSV.gz"))
    'mail.csv'
    """
    return path.name.lower().removesuffix(".gz")


def stem(path: Path) -> str:
    """The name of a file without its ending, and without the `.gz` of a compressed one.

    >>> stem(Path("eng.train.CONLL.GZ"))
    'eng.train'
    """
    return Path(path.name[: len(plain_name(path))]).stem


def read_lines(
    path: Path, encoding_errors: str = "strict", start: int = 0, stop: int | None = None
) -> Iterator[str]:
    r"""Yield the lines of a text file, each with its end: `\n`, `\r\n` or `\r`, and no other.

    `start` and `stop` are those of `read_text`.

    Raises:
        InputError: as `read_text`.
    """
    begun = []
    for piece in read_text(path, encoding_errors, start, stop):
        begun.append(piece)
        if "\n" in piece or "\r" in piece:
            # The last line may go on, and `\r` at its end be half of `\r\n`.
            *lines, rest = io.StringIO("".join(begun), newline="")
            begun = [rest]
            yield from lines
    if rest := "".join(begun):
        yield from io.StringIO(rest, newline="")


def read_text(
    path: Path, encoding_errors: str = "strict", start: int = 0, stop: int | None = None
) -> Iterator[str]:
    """Yield the text of a file in pieces.

    It is UTF-8, or what its byte order mark says (UTF-16, UTF-32); the mark is dropped. A name
    that ends in `.gz`, in capitals too, is that of a compressed file.

    Args:
        path: the file.
        encoding_errors: `strict`: a byte that is not UTF-8, or NUL, is an error; `replace`: it
            becomes U+FFFD.
        start, stop: the bytes to read, of a file for which `can_be_parted` holds. Where they are
            not the file's own ends, a character must begin there, see `next_character`.

    Raises:
        InputError: while reading: the file cannot be read, is a damaged gzip file, or is no text.
            The message names the byte and the line, this one counted from `start`.
    """
    with opened(path) as file:
        mark, encoding, head = b"", "utf-8", b""
        if not start:  # What the file is, its whole head tells, not that of a part.
            head = _read_head(file)
            mark, encoding = _mark_and_encoding(head)
            check_is_text(path, head, marked=bool(mark))
        if start or stop is not None:
            file.seek(start + len(mark))
            head = mark
        if stop is not None:
            file = _Limited(file, stop - start - len(mark))
        decoder = codecs.getincrementaldecoder(encoding)(encoding_errors)
        compressed = isinstance(file, gzip.GzipFile)
        place = TextPlace(path, encoding, compressed)
        offset = start + len(mark)
        for block in _blocks(head[len(mark) :], file):
            first, bad = offset - len(decoder.getstate()[0]), None
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                text, bad = error.object[: error.start].decode(encoding), error
            if bad or ("\0" in text and encoding_errors == "strict"):
                # Where a gzip file is damaged, that is the cause of all that is odd in it: reading
                # on tells.
                while compressed and file.read(_BLOCK_BYTES):
                    pass
                raise InputError(place.what_is_wrong(text, first, bad))
            yield text.replace("\0", "\ufffd")
            offset += len(block)
            place.passed(text)


def can_be_parted(path: Path) -> bool:
    """Whether a file can be read from the middle: it is UTF-8, and not compressed.

    Raises:
        InputError: it cannot be read.
    """
    if path.name.lower().endswith(".gz"):
        return False
    with opened(path) as file:
        return _mark_and_encoding(file.read(4))[1] == "utf-8"


def begin_of_text(path: Path) -> int:
    """The byte of a file at which its text begins: after a byte order mark, if it has one."""
    with opened(path) as file:
        return len(_mark_and_encoding(file.read(4))[0])


def next_character(path: Path, offset: int) -> int:
    """The first byte, not before an offset, that goes on with no character of UTF-8.

    Whoever reads the whole file begins a character there, also after bytes that are not UTF-8.
    """
    return _first_match(path, offset, _BEGINS_CHARACTER)


def next_line(path: Path, offset: int) -> int:
    r"""The first byte, not before an offset, that follows a line end: `\n`, `\r\n` or `\r`."""
    return _first_match(path, offset, _BEGINS_LINE)


def _first_match(path: Path, offset: int, pattern: re.Pattern[bytes]) -> int:
    """Where a pattern without width first matches, by the byte before and the one after it."""
    with opened(path) as file:
        place = max(0, offset - 1)
        file.seek(place)
        text, begin = b"", offset - place
        while block := file.read(_BLOCK_BYTES):
            text += block
            if match := pattern.search(text, begin):
                return place + match.start()
            kept = len(text) - 1
            text, begin, place = text[kept:], 1, place + kept
    return place + len(text)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, those that were compressed where its name ends in `.gz`.

    Raises:
        InputError: also in the block: it cannot be read, or is a damaged gzip file.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is not a complete gzip file: {error}. Download or compress it again."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


class _Limited:
    """The first bytes of what follows in a file."""

    def __init__(self, file: BinaryIO, left: int):
        self._file, self._left = file, left

    def read(self, size: int) -> bytes:
        block = self._file.read(min(size, self._left))
        self._left -= len(block)
        return block


def _mark_and_encoding(head: bytes) -> tuple[bytes, str]:
    marks = (pair for pair in _BYTE_ORDER_MARKS if head.startswith(pair[0]))
    return next(marks, (b"", "utf-8"))


def _read_head(file: BinaryIO) -> bytes:
    head = b""
    while len(head) < _HEAD_BYTES and (block := file.read(_HEAD_BYTES - len(head))):
        head += block
    return head


def _blocks(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    """What was read, and what follows; at the end an empty block."""
    if head:
        yield head
    while block := file.read(_BLOCK_BYTES):
        yield block
    yield b""
