r"""The text of files in pieces that are read apart, and whose tokens are those of the whole."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

from tfseq.files.text_reader import (
    begin_of_text,
    can_be_parted,
    next_character,
    next_line,
    plain_name,
)
from tfseq.text.corpora.corpus import MAX_SEARCH, Corpus, cut, gathered, with_last_line_ended
from tfseq.text.corpora.corpus_opening import CorpusFiles, read_documents
from tfseq.text.tokenizers.tokenizer import Tokenizer

# Characters that are looked at together for a place to cut.
_BLOCK_CHARS = 1 << 14


class NoPlaceToCutError(Exception):
    """A text goes on for 16 Mi characters without a place to cut it.

    Where it then is cut depends on where reading began, so that only one reader can tell.
    """


@dataclasses.dataclass(frozen=True)
class Place:
    """A place in the text of files: so many characters after a byte of a file.

    Attributes:
        file: the number of the file.
        byte: a byte of it, at which a character, or in a .jsonl file a line, begins.
        characters: of the text of the corpus from there on. They may reach into later files.
    """

    file: int
    byte: int = 0
    characters: int = 0


#: The start of a text.
START = Place(0)


class CorpusPieces:
    r"""The text of files, from any place of it to any other.

    Args:
        source: the files, and how they are read.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from tfseq.text import WordTokenizer
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory, "a.txt")
    ...     _ = path.write_text("one two\nthree four\n")
    ...     pieces = CorpusPieces(CorpusFiles((path,)))
    ...     place = pieces.cut(Place(0, 9), WordTokenizer())
    ...     [*pieces.chunks(START, place, WordTokenizer())]
    ['one two\nthree ']
    """

    def __init__(self, source: CorpusFiles):
        self._source = source

    def targets(self, piece_bytes: int, within_files: bool = True) -> list[Place]:
        """Where pieces may begin, evenly spread: about so many bytes of files apart.

        Neither a compressed file nor one that is not UTF-8 is read from the middle; with
        `within_files` false, none is.
        """
        targets, left = [START], piece_bytes
        for number, path in enumerate(self._source.files):
            size = path.stat().st_size
            if left <= 0:
                targets.append(Place(number))
                left = piece_bytes
            if within_files and left < size and can_be_parted(path):
                offsets = range(left, size, piece_bytes)
                targets += [Place(number, offset) for offset in offsets]
                left += len(offsets) * piece_bytes
            left -= size
        return targets

    def cut(self, target: Place, tokenizer: Tokenizer) -> Place | None:
        """The first place after a target at which the tokenizer allows to cut; None if there is
        none up to the end.

        Raises:
            NoPlaceToCutError: it is too far away.
        """
        path = self._source.files[target.file]
        if target.byte and target.byte <= begin_of_text(path):
            target = Place(target.file)  # No text of the file stands before it.
        if target.byte:
            find = next_line if self._of_records(target.file) else next_character
            target = Place(target.file, find(path, target.byte))
            if target.byte == path.stat().st_size:
                # What stands between two files goes with the first of them.
                target = Place(target.file + 1)
        # A place depends on the characters before and after it: the first one has none before.
        text, searched = "", 1
        for block in gathered(self.text(target, None), _BLOCK_CHARS):
            text += block
            match = tokenizer.chunk_boundary.search(text, searched)
            if match and match.end() < len(text):
                return dataclasses.replace(target, characters=match.end())
            searched = max(1, match.start() if match else len(text))
            if len(text) >= MAX_SEARCH:
                raise NoPlaceToCutError
        return None

    def text(self, start: Place, stop: Place | None) -> Iterator[str]:
        """Yield the text between two places; to the end where `stop` is None."""
        skip = start.characters
        for piece in self._from_byte(start, stop):
            yield piece[skip:]
            skip = max(0, skip - len(piece))

    def chunks(
        self,
        start: Place,
        stop: Place | None,
        tokenizer: Tokenizer,
        chunk_chars: int = 1 << 18,
    ) -> Iterator[str]:
        """Yield the text between two places as `Corpus.chunks` does that of the whole.

        Raises:
            NoPlaceToCutError: there may be none within 16 Mi characters.
        """
        text = filter(None, self.text(start, stop))
        edge = [tokenizer.document_edge]
        if stop is None:
            if tokenizer.line_ends:
                text = with_last_line_ended(text)
            text = itertools.chain(text, edge)
        if start == START:
            text = itertools.chain(edge, text)
        for chunk in cut(text, tokenizer.chunk_boundary, chunk_chars):
            if len(chunk) >= MAX_SEARCH:
                raise NoPlaceToCutError
            yield chunk

    def _from_byte(self, start: Place, stop: Place | None) -> Iterator[str]:
        """The text from a place's byte on, whose characters are to be skipped yet."""
        if stop is None:
            yield from self._corpus(start, None).text()
            return
        text = filter(None, self._corpus(start, stop).text())
        if (start.file, start.byte) < (stop.file, stop.byte) and (
            stop.byte == 0 or self._of_records(stop.file)
        ):
            # Another document follows.
            text = with_last_line_ended(text)
        yield from text
        left = stop.characters
        for piece in self._corpus(stop, None).text():
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return

    def _corpus(self, start: Place, stop: Place | None) -> Corpus:
        """The text between the bytes of two places."""
        source = self._source

        def documents() -> Iterator[Iterable[str]]:
            last = len(source.files) if stop is None else stop.file + 1
            for number in range(start.file, last):
                begin = start.byte if number == start.file else 0
                end = stop.byte if stop is not None and number == stop.file else None
                if end is None or begin < end:
                    yield from read_documents(
                        source.files[number],
                        source.encoding_errors,
                        source.text_field,
                        begin,
                        end,
                    )

        return Corpus("", documents)

    def _of_records(self, file: int) -> bool:
        return plain_name(self._source.files[file]).endswith(".jsonl")
