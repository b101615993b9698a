"""The documents of files in pieces that are read apart, each document whole in one of them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tfseq.files.text_reader import next_character, next_line, plain_name, read_text
from tfseq.text.corpora.corpus import MAX_SEARCH, gathered
from tfseq.text.corpora.corpus_opening import CorpusFiles, read_documents
from tfseq.text.corpora.corpus_pieces import CorpusPieces, NoPlaceToCutError, Place
from tfseq.text.corpora.documents import FILES, Marker, as_marker, split_documents

# Characters that are looked at together for a place without a marker.
_BLOCK_CHARS = 1 << 14


class DocumentPieces:
    r"""The documents of files, those of one piece after those of the other.

    A piece has the documents that begin in it: each file that does, each record, or what follows
    each marker that begins in it. The last one may reach far into the next piece.

    Args:
        source: the files, and what is a document in them.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory, "a.jsonl")
    ...     _ = path.write_text('{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n')
    ...     pieces = DocumentPieces(CorpusFiles((path,), documents="records"))
    ...     [[*map("".join, pieces.documents(*ends))] for ends in pieces.ends(20)]
    [['one', 'two'], ['three'], []]
    """

    def __init__(self, source: CorpusFiles):
        self._source = source
        self._how = as_marker(source.documents)

    def ends(self, piece_bytes: int) -> list[tuple[Place, Place | None]]:
        """Where pieces of about so many bytes begin and end; the last one ends with the text."""
        within_files = self._how != FILES
        places = CorpusPieces(self._source).targets(piece_bytes, within_files)
        return [*zip(places, [*places[1:], None], strict=True)]

    def documents(self, start: Place, stop: Place | None) -> Iterator[Iterable[str]]:
        """Yield the documents that begin between two places, each as pieces of text. They share one
        pass, as those of `Corpus.documents` do.

        Args:
            start, stop: places without characters, as `ends` gives them.

        Raises:
            InputError: while reading, as `read_documents`.
            NoPlaceToCutError: a text goes on for 16 Mi characters with what may be one marker or
                another.
        """
        files = self._source.files
        for number in range(start.file, len(files) if stop is None else stop.file + 1):
            begin = start.byte if number == start.file else 0
            end = stop.byte if stop is not None and number == stop.file else None
            if end != 0:
                yield from self._of_file(files[number], begin, end)

    def _of_file(self, path: Path, begin: int, end: int | None) -> Iterator[Iterable[str]]:
        source = self._source
        if isinstance(self._how, Marker) and not plain_name(path).endswith(".jsonl"):
            yield from self._between_markers(path, begin, end)
            return
        # Only records have ends within a file.
        begin = begin and next_line(path, begin)
        end = end and next_line(path, end)
        if end is None or begin < end:
            how = source.encoding_errors, source.text_field
            yield from split_documents(path, read_documents(path, *how, begin, end), self._how)

    def _between_markers(self, path: Path, begin: int, end: int | None) -> Iterator[Iterator[str]]:
        errors = self._source.encoding_errors
        begin, skipped = self._free_place(path, begin) if begin else (0, 0)
        end, beyond = (None, 0) if end is None else self._free_place(path, end)
        begun, stop = begin == 0, None

        def texts() -> Iterator[str]:
            nonlocal stop
            passed = 0
            for text in read_text(path, errors, begin, end):
                yield text[max(0, skipped - passed) :]
                passed += len(text)
            if end is None:
                return
            # No marker after this place has been looked for yet.
            stop = passed + beyond - skipped
            for text in read_text(path, errors, end):
                yield text[max(0, skipped - passed) :]
                passed += len(text)
                if not begun and passed - skipped >= stop + self._how.longest:
                    return  # A document goes on all through the piece.

        def reached(place: int) -> bool:
            nonlocal begun
            begun = True
            return stop is not None and place >= stop

        yield from self._how.split(texts(), begun, reached)

    def _free_place(self, path: Path, byte: int) -> tuple[int, int]:
        """The first place after a byte over which no marker reaches: so many characters after one.

        Where there is none up to the end, it is the end, or beyond.
        """
        byte = next_character(path, byte)
        text, wanted = "", 0
        for block in gathered(read_text(path, self._source.encoding_errors, byte), _BLOCK_CHARS):
            text += block
            if len(text) < wanted:
                continue
            wanted = 2 * len(text)  # Not again and again over a long stretch without one.
            place = self._how.free_place(text)
            if place is not None:
                return byte, place
            if len(text) >= MAX_SEARCH:
                raise NoPlaceToCutError
        return byte, len(text)
