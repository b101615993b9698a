"""Text read from files as a stream, checked byte by byte: the one reader for all that is text."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

from tfseq.errors import InputError
from tfseq.files.json_lines import json_records, text_of_record

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
# Of the characters of UTF-16, those whose lower byte is 0.
_MOST_LOWER_ZEROS = 0.25
_PRINTED = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))
# The upper bytes of Devanagari and kana: most of their lower bytes are those of ASCII too.
_ASCII_BLOCKS = b"\x09\x30"
_OTHER_FORMATS = (
    (b"\x1f\x8b", "compressed by gzip: give its name the ending .gz"),
    (b"PK\x03\x04", "a ZIP archive, as .xlsx and .docx files are: save what is in it as text"),
    (b"%PDF-", "a PDF: save what is in it as text"),
)


def read_documents(path: Path, encoding_errors: str, text_field: str) -> Iterator[Iterator[str]]:
    """Yield the documents of a file, each as pieces of text.

    A `.jsonl` file has one document a line, any other file is one document. Either may be
    compressed (`.gz`). Line ends are kept as they are; a byte order mark at the start is
    dropped.

    Raises:
        InputError: while reading, as `read_text` does, or a line that is not JSON or lacks the
            text field. It names the place.
    """
    if plain_name(path).endswith(".jsonl"):
        lines = read_lines(path, encoding_errors)
        for place, record in json_records(path, lines):
            yield iter([text_of_record(record, text_field, encoding_errors, place)])
    else:
        yield read_text(path, encoding_errors)


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
    with _opened(path) as file:
        head = _read_head(file)
        _check_format(path, head)
        marks = (pair for pair in _BYTE_ORDER_MARKS if head.startswith(pair[0]))
        mark, encoding = next(marks, (b"", "utf-8"))
        if not mark and (guess := _unmarked_utf16(head)):
            raise InputError(
                f"{path} is not UTF-8: it seems to be {guess} without a byte order mark. Convert "
                f"it: iconv -f {guess} -t UTF-8."
            )
        decoder = codecs.getincrementaldecoder(encoding)(encoding_errors)
        offset, place = len(mark), _Place(path, encoding)
        for block in _blocks(head[len(mark) :], file):
            start = offset - len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                # What is wrong first is named, though it was found later.
                before = error.object[: error.start].decode(encoding)
                nul = place.of_nul(before, start) if "\0" in before else None
                _refuse(file, nul or place.of_bad_bytes(error, start))
            if "\0" in text:
                if encoding_errors == "strict":
                    _refuse(file, place.of_nul(text, start))
                text = text.replace("\0", "\ufffd")
            yield text
            offset += len(block)
            place.passed(text)


class _Place:
    """How far a file has been read, for messages."""

    def __init__(self, path: Path, encoding: str):
        self._path = path
        self._encoding = encoding
        self._line, self._last = 1, ""

    def passed(self, text: str) -> None:
        r"""Count the line ends of a piece; `\r\n` is one, also across two pieces."""
        self._line += _line_ends(text) - (self._last == "\r" and text[:1] == "\n")
        self._last = text[-1:] or self._last

    def of_bad_bytes(self, error: UnicodeDecodeError, start: int) -> str:
        """What is said of bytes that stand for no character; `start` is the object's offset."""
        self.passed(error.object[: error.start].decode(self._encoding))
        name = self._encoding.upper().removesuffix("-LE").removesuffix("-BE")
        return (
            f"{self._path} is not valid {name}: {error.reason} at byte "
            f"{start + error.start}{self._within} (0x{error.object[error.start]:02x}), line "
            f"{self._line}. If it is in another encoding, convert it: iconv -f ENCODING -t UTF-8. "
            "Of a corpus, `encoding_errors` 'replace' reads such bytes as U+FFFD."
        )

    def of_nul(self, text: str, start: int) -> str:
        """What is said of a NUL; `start` is the text's offset."""
        before = text[: text.index("\0")]
        self.passed(before)
        return (
            f"{self._path} is no text: it has a NUL at byte "
            f"{start + len(before.encode(self._encoding))}{self._within}, line {self._line}."
        )

    @property
    def _within(self) -> str:
        return " of the decompressed text" if _is_compressed(self._path) else ""


def _line_ends(text: str) -> int:
    number = text.count("\n")
    return number + text.count("\r") - text.count("\r\n") if "\r" in text else number


def _is_compressed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with gzip.open(path) if _is_compressed(path) else path.open("rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is not a whole gzip file: {error}. Fetch it, or compress it, again."
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
    for start in range(0, len(head), _BLOCK_BYTES):
        yield head[start : start + _BLOCK_BYTES]
    while block := file.read(_BLOCK_BYTES):
        yield block
    yield b""


def _check_format(path: Path, head: bytes) -> None:
    for signature, what in _OTHER_FORMATS:
        if head.startswith(signature):
            raise InputError(f"{path} is no text: it is {what}.")


def _unmarked_utf16(head: bytes) -> str | None:
    """The byte order of what seems to be UTF-16 without a mark, if it does.

    NUL is then the upper half of ASCII characters: of most characters, or of the white space
    between others, whose halves are not ASCII both, as those of a text are. It is the lower half
    of few, such as U+4E00 or U+3000. Letters beyond ASCII, rightly encoded, show that it is UTF-8.
    """
    if _is_utf8_beyond_ascii(head):
        return None
    pairs = [head[i : i + 2] for i in range(0, len(head) - 1, 2)]
    for name, upper, lower in (("UTF-16LE", 1, 0), ("UTF-16BE", 0, 1)):
        narrow = [pair[lower] for pair in pairs if pair[upper] == 0]
        lower_zeros = sum(pair[lower] == 0 for pair in pairs)
        if not narrow or 0 in narrow or lower_zeros > _MOST_LOWER_ZEROS * len(pairs):
            continue
        wide = [pair for pair in pairs if pair[upper]]
        as_ascii = sum(
            pair[upper] not in _ASCII_BLOCKS and all(byte in _PRINTED for byte in pair)
            for pair in wide
        )
        spaced = sum(byte in b" \n\r\t" for byte in narrow) > 0.01 * len(pairs)
        if len(narrow) > len(wide) or (spaced and as_ascii < 0.6 * len(wide)):
            return name
    return None


def _is_utf8_beyond_ascii(head: bytes) -> bool:
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not text.isascii()


def _refuse(file: BinaryIO, message: str) -> NoReturn:
    # Where a gzip file is damaged, that is the cause of all that is odd in it: reading on tells.
    if isinstance(file, gzip.GzipFile):
        while file.read(_BLOCK_BYTES):
            pass
    raise InputError(message)
