"""Files of word vectors: word2vec (text and binary), GloVe, fastText `.vec`; `.gz` too."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tfseq.errors import InputError
from tfseq.files.text_reader import opened

_HEADER = re.compile(rb"(\d+)[ \t](\d+)\s*")
_MARK = b"\xef\xbb\xbf"
# What tells numbers of 4 bytes from text.
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_OF_NUMBERS = b"0123456789+-.eE "
_OTHER_FILES = {
    b"\xba\x16\x4f\x2f": "is a model of fastText; name its `.vec` file",
    b"PK\x03\x04": "is a zip archive; unpack it and name one of its files",
    b"\x80": "is a pickle, which tfseq does not read; save it in the format of word2vec",
}
_MOST_COLUMNS = 2**16
_WORD_BYTES = 2**16


@dataclass
class WordVectors:
    """The vectors of those words that were wanted.

    Attributes:
        size: how many numbers a vector has.
        rows: word -> float32 `[size]`. Of a word that comes twice, the first.
        num_words: how many there are in the file.
        num_repeated: how often a wanted word came again.
    """

    size: int
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    num_words: int = 0
    num_repeated: int = 0


@dataclass(frozen=True)
class _Format:
    size: int
    num_words: int | None
    binary: bool


def vector_size(path: Path) -> int:
    """How many numbers a vector of a file has, by its first lines.

    Raises:
        InputError: the file cannot be read, or holds no vectors.
    """
    with opened(path) as file:
        return _format(path, file)[0].size


def read_word_vectors(path: Path, wanted: Collection[str]) -> WordVectors:
    r"""Read the vectors of some words; the others are passed over, so that no file is too large.

    A first line of two numbers is a header: how many words, and how many numbers each. What
    follows is text, or, as word2vec writes it, a word, a space and numbers of 4 bytes. In text, a
    line is a word and its numbers; the word may have spaces in it, as some have in the GloVe
    vectors of 840 billion tokens. A word that is not UTF-8 is none that could be wanted.

    Args:
        path: the file.
        wanted: the words.

    Raises:
        InputError: the file cannot be read, or is damaged; names the line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     file = Path(place, "small.vec")
    ...     _ = file.write_text("3 2\negg 0.5 1\n. . . 2 3 \ntea -1 1e-1\n")
    ...     rows = read_word_vectors(file, {"egg", ". . ."}).rows
    >>> {word: row.tolist() for word, row in rows.items()}
    {'egg': [0.5, 1.0], '. . .': [2.0, 3.0]}
    """
    keys = {word.encode(): word for word in wanted}
    with opened(path) as file:
        form, rest = _format(path, file)
        found = WordVectors(form.size)
        read = _binary_rows if form.binary else _text_rows
        for place, word, numbers in read(path, file, rest, form):
            found.num_words += 1
            name = keys.get(word)
            if name is None:
                continue
            if name in found.rows:
                found.num_repeated += 1
                continue
            try:
                # A copy: a vector is not to keep the whole block that it was read in.
                with np.errstate(over="ignore"):
                    row = np.array(numbers if form.binary else np.array(numbers, "S"), "float32")
            except ValueError:
                raise _broken(place, "a number is none") from None
            if not np.isfinite(row).all():
                raise _broken(place, "a number is not finite")
            found.rows[name] = row
    if form.num_words is not None and found.num_words < form.num_words:
        raise InputError(
            f"{path} is cut off: its first line says {form.num_words:,} words, and it ends after "
            f"{found.num_words:,}. Download it again."
        )
    return found


def _format(path: Path, file: BinaryIO) -> tuple[_Format, bytes]:
    """The format, and what was read of the file but for its header."""
    head = file.read(_WORD_BYTES)
    for mark, what in _OTHER_FILES.items():
        if head.startswith(mark):
            raise InputError(f"{path} {what}.")
    head = head.removeprefix(_MARK)
    line, end, rest = head.partition(b"\n")
    if header := _HEADER.fullmatch(line):
        num_words, size = map(int, header.groups())
        if not 1 <= size <= _MOST_COLUMNS:
            raise _broken(f"{path}:1", f"vectors of {size} numbers")
        return _Format(size, num_words, bool(_CONTROL.search(rest))), rest
    fields = line.replace(b"\t", b" ").split()
    size = 0
    while size < len(fields) - 1 and _is_number(fields[-1 - size]):
        size += 1
    endless = not end and len(head) == _WORD_BYTES
    if endless or not size or _CONTROL.search(line):
        raise _broken(f"{path}:1", "no word with numbers, and no header")
    return _Format(size, None, binary=False), head


def _text_rows(
    path: Path, file: BinaryIO, rest: bytes, form: _Format
) -> Iterator[tuple[str, bytes, list[bytes]]]:
    first = 1 if form.num_words is None else 2
    blank = None
    for number, line in enumerate(_lines(file, rest), first):
        place = f"{path}:{number}"
        if b"\t" in line:
            line = line.replace(b"\t", b" ")
        line = line.rstrip(b" \r\n")
        if not line:
            blank = blank or place
            continue
        if blank:
            raise _broken(blank, "an empty line")
        word, *numbers = line.rsplit(b" ", form.size)
        if len(numbers) < form.size or not word:
            raise _broken(place, f"{_count(line)} numbers instead of {form.size}")
        if b" " in word and _is_number(word.rpartition(b" ")[2]):
            raise _broken(place, f"{_count(line)} numbers instead of {form.size}")
        if line[len(word) :].translate(None, _OF_NUMBERS):
            odd = next(n for n in numbers if n.translate(None, _OF_NUMBERS))
            raise _broken(place, f"{odd[:20].decode(errors='replace')!r} is not a number")
        yield place, word, numbers


def _binary_rows(
    path: Path, file: BinaryIO, rest: bytes, form: _Format
) -> Iterator[tuple[str, bytes, np.ndarray]]:
    width, start = 4 * form.size, 0
    for number in range(1, form.num_words + 1):
        place = f"{path}: word {number:,}"
        while (end := rest.find(b" ", start)) < 0 or len(rest) < end + 1 + width:
            if end < 0 and len(rest) - start > _WORD_BYTES:
                raise _broken(place, "no space after it")
            block = file.read(max(1 << 20, width))
            if not block:
                return  # It is cut off, as `read_word_vectors` says.
            rest, start = rest[start:] + block, 0
        word = rest[start:end].lstrip(b"\n")
        yield place, word, np.frombuffer(rest, "<f4", form.size, end + 1)
        start = end + 1 + width


def _lines(file: BinaryIO, rest: bytes) -> Iterator[bytes]:
    """The lines of what was read, and of what follows."""
    *whole, begun = rest.split(b"\n")
    yield from whole
    begun += file.readline()
    if begun:
        yield begun
    yield from file


def _count(line: bytes) -> int:
    return len(line.split(b" ")) - 1


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _broken(place: str, what: str) -> InputError:
    return InputError(
        f"{place}: {what}. In a file of word vectors, such as word2vec's, GloVe's and fastText's, "
        "each line is a word and its numbers."
    )
