"""Text read from files as a stream, checked byte by byte: the one reader for all that is text."""

import codecs
import gzip
import io
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


def read_lines(path: Path, encoding_errors: str = "strict") -> Iterator[str]:
    r"""Yield the lines of a text file, each with its end: `\n`, `\r\n` or `\r`, and no other.

    Raises:
        InputError: as `read_text`.
    """
    begun = []
    for piece in read_text(path, encoding_errors):
        begun.append(piece)
        if "\n" in piece or "\r" in piece:
            # The last line may go on, and `\r` at its end be half of `\r\n`.
            *lines, rest = io.StringIO("".join(begun), newline="")
            begun = [rest]
            yield from lines
    if rest := "".join(begun):
        yield from io.StringIO(rest, newline="")


def read_text(path: Path, encoding_errors: str = "strict") -> Iterator[str]:
    """Yield the text of a file in pieces.

    It is UTF-8, or what its byte order mark says (UTF-16, UTF-32); the mark is dropped. A name
    that ends in `.gz`, in capitals too, is that of a compressed file.

    Args:
        path: the file.
        encoding_errors: `strict`: a byte that is not UTF-8, or NUL, is an error; `replace`: it
            becomes U+FFFD.

    Raises:
        InputError: while reading: the file cannot be read, is a damaged gzip file, or is no text.
            The message names the byte and the line.
    """
    with opened(path) as file:
        head = _read_head(file)
        marks = (pair for pair in _BYTE_ORDER_MARKS if head.startswith(pair[0]))
        mark, encoding = next(marks, (b"", "utf-8"))
        check_is_text(path, head, marked=bool(mark))
        decoder = codecs.getincrementaldecoder(encoding)(encoding_errors)
        compressed = isinstance(file, gzip.GzipFile)
        place = TextPlace(path, encoding, compressed)
        offset = len(mark)
        for block in _blocks(head[offset:], file):
            start, bad = offset - len(decoder.getstate()[0]), None
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                text, bad = error.object[: error.start].decode(encoding), error
            if bad or ("\0" in text and encoding_errors == "strict"):
                # Where a gzip file is damaged, that is the cause of all that is odd in it: reading
                # on tells.
                while compressed and file.read(_BLOCK_BYTES):
                    pass
                raise InputError(place.what_is_wrong(text, start, bad))
            yield text.replace("\0", "\ufffd")
            offset += len(block)
            place.passed(text)


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
