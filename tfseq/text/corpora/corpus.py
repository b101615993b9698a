"""Text to learn from, read as a stream."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from tfseq.errors import InputError
from tfseq.options.rules import PositiveInt, checked
from tfseq.text.corpora.documents import Marker
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer
from tfseq.text.tokenizers.tokenizer import Tokenizer

#: How many characters beyond a full chunk a boundary is looked for.
MAX_SEARCH = 1 << 24


class Corpus:
    r"""One or more documents of text, read as a stream as often as wanted.

    `open_corpus` makes one from a name or path. The text is that of all documents, in order,
    with a newline after each that does not end in one.

    Args:
        name: a short name, usable as that of a directory.
        documents: called for every pass; gives the documents, each as pieces of text.
        how: what says where documents end, `files`, `records` or a `Marker`, if each is a text of
            its own, to be learned as such, and not a part of one long text.
        source: the files that the text is read from, where it is read from files.

    >>> from tfseq.text import WordTokenizer
    >>> corpus = Corpus("two", lambda: [["One ", "two"], ["three four."]])
    >>> list(corpus.chunks(WordTokenizer(), chunk_chars=5))
    ['One two\n', 'three ', 'four.']
    """

    def __init__(
        self,
        name: str,
        documents: Callable[[], Iterable[Iterable[str]]],
        how: str | Marker | None = None,
        source: Any = None,
    ):
        self.name = name
        self.how = how
        self.source = source
        self._documents = documents

    def documents(self) -> Iterator[Iterable[str]]:
        """Yield the documents, each as pieces of text. They share one pass: each has to be read
        before the next one, or is left out."""
        yield from self._documents()

    @property
    def apart(self) -> bool:
        """Whether each document is a text of its own."""
        return self.how is not None

    def fingerprint(self) -> str:
        """The SHA-256 digest, in hexadecimal, of the text in UTF-8, and of where documents end."""
        digest = hashlib.sha256()
        if self.apart:
            for document in self._documents():
                for piece in document:
                    digest.update(piece.encode())
                digest.update(b"\xff")  # No byte of a text.
            return digest.hexdigest()
        for piece in self.text():
            digest.update(piece.encode())
        return digest.hexdigest()

    def check_several_documents(self) -> None:
        """Raise InputError unless two documents have any text, and the marker occurs."""
        count, marker = 0, self.how if isinstance(self.how, Marker) else None
        for document in self._documents():
            count += any(document)
            if count > 1 and (marker is None or marker.found):
                return
        if marker is not None and not marker.found:
            raise InputError(
                f"`documents`: the marker {marker.written!r} does not occur in {self.name}."
            )
        raise InputError(
            f"`documents` needs at least two, so that one can follow another. {self.name} has one: "
            "leave `documents` out."
        )

    def is_empty(self) -> bool:
        """Whether there is not one character."""
        return next(self.text(), None) is None

    def chunks(self, tokenizer: Tokenizer, chunk_chars: int = 1 << 20) -> Iterator[str]:
        """Yield the text in pieces whose tokens, one after the other, are those of the whole.

        The text is framed by `tokenizer.document_edge`, and ends in a line break where
        `tokenizer.line_ends` asks for it. Memory stays constant, however large
        the corpus and however long its lines.

        Args:
            tokenizer: pieces end only where its `chunk_boundary` allows it.
            chunk_chars: a piece (but the last) has at least so many characters, and ends at the
                first boundary after them; where there is none within 16 Mi characters, there.

        Raises:
            ValueError: `chunk_chars` is not positive.
            InputError: while reading, a file turns out to be unreadable.
        """
        checked("chunk_chars", chunk_chars, PositiveInt)
        return chunks_of(self.text(), as_tokenizer(tokenizer), chunk_chars)

    def text(self) -> Iterator[str]:
        """Yield the text in pieces, as it is, framed by nothing."""
        last = "\n"
        for document in self._documents():
            starts = True
            for piece in filter(None, document):
                if starts and last not in "\r\n":
                    yield "\n"
                yield piece
                starts, last = False, piece[-1]


def chunks_of(text: Iterable[str], tokenizer: Tokenizer, chunk_chars: int) -> Iterator[str]:
    """The chunks of a text, which comes in pieces, none of which is empty, as `Corpus.chunks` says.
    Nothing is checked, since there may be many texts."""
    edge = [tokenizer.document_edge]
    if tokenizer.line_ends:
        text = with_last_line_ended(text)
    return cut(chain(edge, text, edge), tokenizer.chunk_boundary, chunk_chars)


def cut(pieces: Iterable[str], boundary: re.Pattern[str], chunk_chars: int) -> Iterator[str]:
    """Cut a text, which comes in pieces, into chunks, as `Corpus.chunks` says."""
    limit = chunk_chars + MAX_SEARCH
    rest, searched = "", chunk_chars
    for block in gathered(pieces, chunk_chars):
        text, start = rest + block, 0
        # A boundary depends on the character after it: one at the very end must wait.
        while start + searched < len(text):
            match = boundary.search(text, start + searched, start + limit + 1)
            if match and match.end() < min(len(text), start + limit + 1):
                end = match.end()
            elif start + limit < len(text):
                end = start + limit
            else:
                searched = len(text) - start
                break
            yield text[start:end]
            start, searched = end, chunk_chars
        rest = text[start:]
    if rest:
        yield rest


def with_last_line_ended(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces, none of which is empty, and a line break where the last one has none."""
    last = "\n"
    for piece in pieces:
        yield piece
        last = piece[-1]
    if last not in "\r\n":
        yield "\n"


def gathered(pieces: Iterable[str], num_chars: int) -> Iterator[str]:
    """Join pieces until each is at least so long: to add them one by one would take long."""
    waiting, length = [], 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= num_chars:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)
