r"""Texts as documents: files, records, or what stands between markers."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tfseq.errors import InputError
from tfseq.files.text_reader import plain_name

#: What stands for no marker: each file, or each record, is a document.
FILES, RECORDS = "files", "records"

_LINE_END = r"(?:\r\n|\n|\r)"
_ESCAPES = {r"\n": "\n", r"\r": "\n", r"\t": "\t", "\\\\": "\\"}


class Marker:
    r"""A text that stands between documents, and is part of none.

    One line end right before it and one right after it belong to it. A marker that begins and
    ends with a line end, `\n%\n` say, is a line of its own: the first and the last line of a text
    count as such. A marker of line ends alone is as many of them or more. In all of them a line end
    is `\n`, `\r\n` or `\r`.

    Attributes:
        found: whether it has occurred in what was split so far.

    Args:
        written: the marker, in which `\n`, `\t` and `\\` stand for a line end, a tab and a
            backslash.

    Raises:
        InputError: it is empty.

    >>> [*map("".join, Marker("<|endoftext|>").split(["one<|endof", "text|>\ntwo\n"]))]
    ['one', 'two\n']
    >>> [*map("".join, Marker(r"\n%\n").split(["100%\n", "%\r\n", "50 %", "\n%"]))]
    ['100%', '50 %', '']
    """

    def __init__(self, written: str):
        if not written:
            raise InputError(
                f"`documents` must be files, records, or a marker. Received: {written!r}."
            )
        self.written = written
        self.found = False
        marker = re.sub(r"\r\n?", "\n", re.sub(r"\\[nrt\\]", lambda m: _ESCAPES[m[0]], written))
        core = marker.strip("\n")
        self._own_line = bool(core) and marker[0] == marker[-1] == "\n"
        self._of_line_ends = not core
        if not core:
            pattern = rf"{_LINE_END}{{{len(marker)},}}"
            final = None
        elif self._own_line:
            inner = re.escape(marker[1:-1]).replace("\\\n", _LINE_END)
            pattern, final = rf"{_LINE_END}{inner}(?={_LINE_END})", rf"{_LINE_END}{inner}\Z"
        else:
            inner = re.escape(marker).replace("\\\n", _LINE_END)
            pattern, final = rf"{_LINE_END}?{inner}{_LINE_END}?", None
        self._pattern = re.compile(pattern)
        self._last = re.compile(final) if final else None
        # What may still become a marker, of the text that has been read.
        self._margin = 2 * len(marker) + 4

    def split(self, pieces: Iterable[str]) -> Iterator[Iterator[str]]:
        """Yield the documents of a text, each as pieces, some of which may be empty.

        They share one pass: a document has to be read before the next one, or is left out.
        """
        events, more = self._events(pieces), True

        def document() -> Iterator[str]:
            nonlocal more
            for event in events:
                if event is None:
                    self.found = True
                    return
                yield event
            more = False

        while more:
            pieces = document()
            yield pieces
            for _ in pieces:
                pass

    def _events(self, pieces: Iterable[str]) -> Iterator[str | None]:
        """Text, and None where a document ends."""
        # A line end before the text, which is none of it: the first line is one of its own too.
        text, begins = "\n" if self._own_line else "", True
        for piece in pieces:
            text, start = text + piece, 0
            while match := self._pattern.search(text, start):
                if match.end() + 2 > len(text):  # It may go on.
                    break
                yield self._part(text[start : match.start()], begins)
                yield None
                start, begins = match.end(), True
            known = max(start, len(text) - self._margin)
            if match:
                known = min(known, match.start())
            elif self._of_line_ends:  # Of a run of them, all or nothing.
                known = start + len(text[start:known].rstrip("\r\n"))
            if known < start + 2:  # It may begin with half of a line end.
                known = start
            else:
                yield self._part(text[start:known], begins)
                begins = False
            text = text[known:]
        start = 0
        while match := self._pattern.search(text, start) or (
            self._last and self._last.search(text, start)
        ):
            yield self._part(text[start : match.start()], begins)
            yield None
            start, begins = match.end(), True
        yield self._part(text[start:], begins)

    def _part(self, text: str, begins: bool) -> str:
        """What of a text is a document's: a marker in a line of its own leaves its line end."""
        return re.sub(rf"\A{_LINE_END}", "", text) if self._own_line and begins else text


def split_documents(
    path: Path, documents: Iterable[Iterable[str]], how: str | Marker
) -> Iterator[Iterable[str]]:
    """Yield what a file's documents are, of those that it is read as.

    Args:
        path: the file.
        documents: of a `.jsonl` file its records, else the text of the file.
        how: `files`, `records`, or a `Marker`.

    Raises:
        InputError: a file is not of the kind that `how` says.
    """
    is_records = plain_name(path).endswith(".jsonl")
    if how == FILES and is_records:
        raise InputError(
            f"`documents` must be records, or a marker, where a .jsonl file is read: {path}. "
            f"Received: {how}."
        )
    if how == RECORDS and not is_records:
        raise InputError(
            f"`documents` records needs .jsonl files. {path} is none: use files, or a marker."
        )
    if how in (FILES, RECORDS):
        yield from documents
        return
    for pieces in documents:
        yield from how.split(pieces)


def as_marker(how: str) -> str | Marker:
    """`files`, `records`, or the marker that is named."""
    return how if how in (FILES, RECORDS) else Marker(how)
