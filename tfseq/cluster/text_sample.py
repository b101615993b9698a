"""What subwords are learned from, taken from a text by the tasks of a cluster."""

import functools
import itertools
import math
from collections.abc import Callable, Iterable

from tfseq.cluster.tasks import TaskRunner
from tfseq.data.pieces.piece_encoding import EncodingJob, Piece
from tfseq.data.pieces.piece_sampling import in_parts, parted, texts_of_piece
from tfseq.files.store import Store
from tfseq.text.corpora.corpus_opening import CorpusFiles
from tfseq.text.corpora.corpus_pieces import CorpusPieces

Stretches = Callable[[Iterable[str], int, int], Iterable[str]]


def pieces_of(source: CorpusFiles, piece_bytes: int) -> list[Piece]:
    """Pieces of a text, of about so many bytes, whose ends are yet to be found."""
    ends = [*CorpusPieces(source).targets(piece_bytes), None]
    return [Piece(start, stop) for start, stop in itertools.pairwise(ends)]


def training_sample(
    runner: TaskRunner,
    source: CorpusFiles,
    fractions: tuple[float, float],
    most: int | None,
    step: Callable[[int], int],
    stretches: Stretches,
    piece_bytes: int,
) -> tuple[int, list[str]]:
    """The characters of the training split, and stretches of them.

    Args:
        runner: what does the tasks.
        source: the files of the corpus.
        fractions: of the characters, those for validation and test.
        most: how many characters are for training at most, in place of what the fractions leave.
        step: every how many-th stretch is taken, by the number of characters.
        stretches: takes them, of texts that begin at a character: every so many-th.
        piece_bytes: bytes of the files that a task reads, about.
    """
    # Characters can be cut anywhere.
    job = EncodingJob(source, {"kind": "char"}, Store("."))
    measured = in_parts(job, runner.map, pieces_of(source, piece_bytes))
    total = sum(size for _, size in measured)
    num_train = total - sum(math.floor(total * fraction) for fraction in fractions)
    if most is not None:
        num_train = min(total, most)
    (train, *_) = parted(measured, [num_train, total])
    starts = itertools.accumulate((size for _, size in measured if size), initial=0)
    placed = [*zip(train, starts, strict=False)]
    take = functools.partial(_take, job, stretches, step(num_train))
    return num_train, [text for texts in runner.map(take, placed) for text in texts]


def _take(job, stretches, every: int, placed: tuple[Piece, int]) -> list[str]:
    piece, position = placed
    return [*stretches(texts_of_piece(job, piece), position, every)]
