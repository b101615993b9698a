"""What is said of a file that is no text: which byte is not UTF-8, or what it is instead."""

import codecs
import io
from pathlib import Path

from tfseq.errors import InputError

# Of the characters of UTF-16, those whose lower byte is 0.
_MOST_LOWER_ZEROS = 0.25
_PRINTED = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))
# The upper bytes of Devanagari and kana: most of their lower bytes are those of ASCII too.
_ASCII_BLOCKS = b"\x09\x30"
_SAVE, _DECOMPRESS = "Save what is in it as text.", "Decompress it first."
_OTHER_FORMATS = (
    (b"\x1f\x8b", "compressed by gzip", "Give its name the ending .gz."),
    (b"\xfd7zXZ\0", "compressed by xz", _DECOMPRESS),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", _DECOMPRESS),
    (b"PK\x03\x04", "a ZIP archive, as .xlsx and .docx files are", _SAVE),
    (b"\xd0\xcf\x11\xe0", "a document of Microsoft Office", _SAVE),
    (b"%PDF-", "a PDF", _SAVE),
    (b"\x89PNG", "an image", "Name a file of text."),
    (b"\xff\xd8\xff", "an image", "Name a file of text."),
)


class TextPlace:
    """How far a file has been read, for messages.

    Args:
        path: the file.
        encoding: how it is read.
        compressed: whether its bytes are counted after they are decompressed.
    """

    def __init__(self, path: Path, encoding: str, compressed: bool):
        self._path, self._encoding = path, encoding
        self._within = " of the decompressed text" if compressed else ""
        self._line, self._ends = 1, io.IncrementalNewlineDecoder(None, translate=True)

    def passed(self, text: str, final: bool = False) -> None:
        r"""Count the line ends of a piece; `\r\n` is one, also across two pieces."""
        self._line += self._ends.decode(text, final).count("\n")

    def what_is_wrong(self, text: str, start: int, bad: UnicodeDecodeError | None) -> str:
        """What is said of the first NUL in a text, or else of what stands for no character.

        Args:
            text: what could be decoded.
            start: the offset of its first byte.
            bad: what follows it.
        """
        good, nul, _ = text.partition("\0")
        self.passed(good, final=True)
        offset = f"{start + len(good.encode(self._encoding))}{self._within}"
        if nul:
            return f"{self._path} is not text: it has a NUL at byte {offset}, line {self._line}."
        name = self._encoding.upper().removesuffix("-LE").removesuffix("-BE")
        return (
            f"{self._path} is not valid {name}: {bad.reason} at byte {offset} "
            f"(0x{bad.object[bad.start]:02x}), line {self._line}. If it is in another encoding, "
            "convert it: iconv -f ENCODING -t UTF-8. For a corpus, `encoding_errors='replace'` "
            "reads such bytes as U+FFFD."
        )


def check_is_text(path: Path, head: bytes, marked: bool) -> None:
    """Raise InputError where the first bytes are those of another format.

    Args:
        path: the file.
        head: its first bytes.
        marked: whether they begin with a byte order mark.
    """
    for signature, what, advice in _OTHER_FORMATS:
        if head.startswith(signature):
            raise InputError(f"{path} is {what}, not text. {advice}")
    if not marked and (guess := _unmarked_utf16(head)):
        raise InputError(
            f"{path} is not UTF-8: it seems to be {guess} without a byte order mark. Convert it: "
            f"iconv -f {guess} -t UTF-8."
        )


def _unmarked_utf16(head: bytes) -> str | None:
    """The byte order of what seems to be UTF-16 without a mark, if it does.

    NUL is then the upper half of ASCII characters: of most characters, or of the white space
    between others, whose halves are not ASCII both, as those of a text are. It is the lower half
    of few, such as U+4E00 or U+3000. Letters beyond ASCII, rightly encoded, show that it is UTF-8.
    """
    try:
        # The last character may be cut.
        if not codecs.getincrementaldecoder("utf-8")().decode(head).isascii():
            return None
    except UnicodeDecodeError:
        pass
    pairs = [head[i : i + 2] for i in range(0, len(head) - 1, 2)]
    for name, upper, lower in (("UTF-16LE", 1, 0), ("UTF-16BE", 0, 1)):
        narrow = [pair[lower] for pair in pairs if pair[upper] == 0]
        wide = [pair for pair in pairs if pair[upper]]
        lower_zeros = sum(pair[lower] == 0 for pair in pairs)
        if not narrow or 0 in narrow or lower_zeros > _MOST_LOWER_ZEROS * len(pairs):
            continue
        as_ascii = sum(pair[upper] not in _ASCII_BLOCKS and {*pair} <= _PRINTED for pair in wide)
        spaced = sum(byte in b" \n\r\t" for byte in narrow) > 0.01 * len(pairs)
        if len(narrow) > len(wide) or (spaced and as_ascii < 0.6 * len(wide)):
            return name
    return None
