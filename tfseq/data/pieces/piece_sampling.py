"""How many characters a text has, and stretches of it, in pieces."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

from tfseq.data.pieces.piece_encoding import EncodingJob, Piece, ends_of_piece, tokenizer_of_job
from tfseq.text.corpora.corpus_pieces import CorpusPieces, NoPlaceToCutError, Place

#: A stretch of which a piece, that has been measured, with its characters.
Measured = tuple[Piece, int]


def measure_piece(job: EncodingJob, piece: Piece) -> Measured | None:
    """A piece with its very places, and its characters; None where the text cannot be cut."""
    pieces = CorpusPieces(job.source)
    try:
        start, stop = ends_of_piece(pieces, piece, tokenizer_of_job(job))
    except NoPlaceToCutError:
        return None
    if start is None:
        return piece, 0
    return Piece(start, stop, exact=True), sum(map(len, pieces.text(start, stop)))


def parted(measured: Sequence[Measured], ends: Sequence[int]) -> list[list[Piece]]:
    """Pieces by the parts of a text, cut where a part ends.

    Args:
        measured: the pieces of the text, in order.
        ends: the character that each part ends with, rising; the last one is the text's end.

    >>> a, b = Place(0), Place(0, 0, 4)
    >>> parts = parted([(Piece(a, b, True), 4), (Piece(b, None, True), 6)], [6, 10])
    >>> [[(piece.start.characters, piece.stop and piece.stop.characters) for piece in part]
    ...  for part in parts]
    [[(0, 4), (4, 6)], [(6, None)]]
    """
    parts: list[list[Piece]] = [[] for _ in ends]
    position = 0
    for piece, size in measured:
        start = piece.start
        for part, (low, high) in enumerate(itertools.pairwise([0, *ends])):
            first, last = max(low, position), min(high, position + size)
            if first >= last:
                continue
            if last == position + size:
                stop = piece.stop
            else:
                characters = piece.start.characters + last - position
                stop = Place(piece.start.file, piece.start.byte, characters)
            parts[part].append(Piece(start, stop, exact=True))
            start = stop
        position += size
    return parts


def texts_of_piece(job: EncodingJob, piece: Piece) -> Iterator[str]:
    """The text of a piece that has been measured."""
    return CorpusPieces(job.source).text(piece.start, piece.stop)


def in_parts(
    job: EncodingJob, runner_map: Callable, pieces: Sequence[Piece]
) -> list[Measured] | None:
    """All pieces measured; None where the text cannot be cut."""
    measured = runner_map(
        functools.partial(measure_piece, job), pieces, lambda number, result: result is None
    )
    return None if any(found is None for found in measured) else measured
