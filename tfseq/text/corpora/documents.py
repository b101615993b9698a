r"""Texts as documents: files, records, or what stands between markers."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tfseq.errors import InputError
from tfseq.files.text_reader import plain_name

#: What stands for no marker: each file, or each record, is a document.
FILES, RECORDS = "files", "records"

# Of `\r\n`, neither half is one.
_LINE_END = r"(?:\r\n|\n|\r(?!\n))"
_ESCAPES = {r"\n": "\n", r"\r": "\n", r"\t": "\t", "\\\\": "\\"}


class Marker:
    r"""A text that stands between documents, and is part of none.

    One line end right before it and one right after it belong to it. A marker that begins and
    ends with a line end, `\n%\n` say, is a line of its own: the first and the last line of a text
    count as such. A marker of line ends alone is as many of them or more. In all of them a line end
    is `\n`, `\r\n` or `\r`.

    Attributes:
        found: whether it has occurred in what was split so far.
        longest: no marker has more characters, but for one of line ends alone. So much of what has
            been read may still become one.

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
            # A first one by itself: a pattern that begins so is searched for faster.
            pattern = rf"{_LINE_END}{_LINE_END}{{{len(marker) - 1},}}"
            inner = final = None
        elif self._own_line:
            inner = re.escape(marker[1:-1]).replace("\\\n", _LINE_END)
            pattern, final = rf"{_LINE_END}{inner}(?={_LINE_END})", rf"{_LINE_END}{inner}\Z"
        else:
            inner = re.escape(marker).replace("\\\n", _LINE_END)
            pattern, final = rf"{_LINE_END}?{inner}{_LINE_END}?", None
        self._pattern = re.compile(pattern)
        self._last = re.compile(final) if final else None
        self._inner = re.compile(inner) if inner else None
        self._anywhere = re.compile(f"(?=({pattern}))")
        self.longest = 2 * len(marker) + 4

    def split(
        self,
        pieces: Iterable[str],
        begins: bool = True,
        reached: Callable[[int], bool] = lambda place: False,
    ) -> Iterator[Iterator[str]]:
        """Yield the documents of a text, each as pieces, some of which may be empty.

        They share one pass: a document has to be read before the next one, or is left out.

        Args:
            pieces: the text.
            begins: whether a document begins with it. If not, it is the rest of a longer text from
                a `free_place` on, and the first document is the one after the first marker.
            reached: is given the character of `pieces` at which a marker begins, for each of them;
                after one where it returns True, no document is yielded.
        """
        events, more = self._events(pieces, begins), begins
        if not begins:
            place = next((event for event in events if isinstance(event, int)), None)
            more = place is not None and not reached(place)

        def document() -> Iterator[str]:
            nonlocal more
            for event in events:
                if isinstance(event, int):
                    self.found = True
                    more = not reached(event)
                    return
                yield event
            more = False

        while more:
            pieces = document()
            yield pieces
            for _ in pieces:
                pass

    def free_place(self, text: str) -> int | None:
        """The first place in a text, which begins and ends anywhere in a longer one, where no
        marker can have begun before and go on; None where more text is needed to tell.

        Whoever looks for markers from such a place on finds those that one who has read all that is
        before it finds.

        >>> Marker("aa").free_place("aaaaaaaaa b, c and d")
        9
        """
        if self._of_line_ends:
            other = re.search(r"[^\r\n]", text)
            place = other.end() if other else len(text)
        else:
            place = self.longest
            for match in self._anywhere.finditer(text):
                if match.start() >= place:
                    break
                place = max(place, match.end(1))
        return place if place + self.longest <= len(text) else None

    def _events(self, pieces: Iterable[str], begins: bool) -> Iterator[str | int]:
        """Text, and the place of a marker where a document ends."""
        # A line end before the text, which is none of it: the first line is one of its own too.
        text = "\n" if self._own_line and begins else ""
        offset = -len(text)
        for piece in pieces:
            text, start = text + piece, 0
            while match := self._search(text, start):
                if match.end() + 2 > len(text):  # It may go on.
                    break
                yield self._part(text[start : match.start()], begins)
                yield offset + match.start()
                start, begins = match.end(), True
            known = max(start, len(text) - self.longest)
            if match:
                known = min(known, match.start())
            elif self._of_line_ends:  # Of a run of them, all or nothing.
                known = start + len(text[start:known].rstrip("\r\n"))
            if known < start + 2:  # It may begin with half of a line end.
                known = start
            else:
                yield self._part(text[start:known], begins)
                begins = False
            text, offset = text[known:], offset + known
        start = 0
        while match := self._search(text, start) or (self._last and self._last.search(text, start)):
            yield self._part(text[start : match.start()], begins)
            yield offset + match.start()
            start, begins = match.end(), True
        yield self._part(text[start:], begins)

    def _search(self, text: str, start: int) -> re.Match[str] | None:
        """The first marker from a place on."""
        if self._inner:
            # Far faster to find than what may begin with any of several line ends.
            inner = self._inner.search(text, start)
            if inner is None:
                return None
            start = max(start, inner.start() - len("\r\n"))
        return self._pattern.search(text, start)

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
