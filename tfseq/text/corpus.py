"""Text to learn from, read as a stream."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from tfseq.errors import InputError
from tfseq.text.named_corpora import python_docs
from tfseq.text.tokenizer import Tokenizer

_MAX_SEARCH = 1 << 24


class Corpus:
    """One or more documents. Made by `open_corpus`.

    Args:
        name: a short name, usable as that of a directory.
        documents: called for every pass; yields each document as pieces of text.
    """

    def __init__(self, name: str, documents: Callable[[], Iterable[Iterable[str]]]):
        self.name = name
        self._documents = documents

    def fingerprint(self) -> str:
        """Returns the SHA-256 digest, in hexadecimal, of the text with documents joined."""
        digest = hashlib.sha256()
        for piece in self._text(edge=""):
            digest.update(piece.encode())
        return digest.hexdigest()

    def chunks(self, tokenizer: Tokenizer, chunk_chars: int = 1 << 20) -> Iterator[str]:
        """Yields the text in pieces whose tokens are, one after the other, those of the whole.

        Documents are joined by a newline where the one before does not end in one, and framed
        by `tokenizer.document_edge`. Memory stays constant, however long the lines.

        Args:
            tokenizer: the pieces are cut where its `chunk_boundary` allows it.
            chunk_chars: a piece has at least so many characters (but the last), and ends at the
                first boundary after them. If there is none within 16 Mi characters, it ends
                there.
        """
        boundary = tokenizer.chunk_boundary
        buffer, searched = "", chunk_chars
        for piece in self._text(tokenizer.document_edge):
            buffer += piece
            # A boundary depends on one character on either side, so the last place must wait.
            while len(buffer) > searched:
                match = boundary.search(buffer, searched)
                if match and match.start() < len(buffer):
                    cut = match.start()
                elif len(buffer) > chunk_chars + _MAX_SEARCH:
                    cut = chunk_chars + _MAX_SEARCH
                else:
                    searched = len(buffer)
                    break
                yield buffer[:cut]
                buffer, searched = buffer[cut:], chunk_chars
        if buffer:
            yield buffer

    def _text(self, edge: str) -> Iterator[str]:
        last = ""
        for document in self._documents():
            joint = (edge if not last or last in "\r\n" else "\n") + edge
            joint = joint if last else edge
            started = False
            for piece in document:
                if not piece:
                    continue
                if not started and joint:
                    yield joint
                started = True
                yield piece
                last = piece[-1]
        if last and edge:
            yield edge


def open_corpus(spec: str, encoding_errors: str = "strict", text_field: str = "text") -> Corpus:
    """Opens a corpus: a name or a path.

    >>> open_corpus("python_docs").name
    'python_docs'
    """
    if spec == "python_docs":
        return Corpus(spec, lambda: [[python_docs()]])
    raise InputError(f"There is no corpus {spec}.")
