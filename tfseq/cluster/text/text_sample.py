"""What subwords are learned from, taken from a text by the tasks of a cluster."""

import functools
import itertools
import math
from collections.abc import Callable, Iterable

import numpy as np

from tfseq.cluster.text.stage_tasks import StageTasks
from tfseq.data.document_encoding import split_of_documents
from tfseq.data.pieces.document_sampling import measure_documents, texts_of_documents
from tfseq.data.pieces.piece_encoding import EncodingJob, Piece
from tfseq.data.pieces.piece_sampling import in_parts, parted, texts_of_piece
from tfseq.files.store import Store
from tfseq.text.corpora.corpus_opening import CorpusFiles
from tfseq.text.corpora.corpus_pieces import START, CorpusPieces
from tfseq.text.corpora.document_pieces import DocumentPieces

Stretches = Callable[[Iterable[str], int, int], Iterable[str]]


def pieces_of(source: CorpusFiles, piece_bytes: int) -> list[Piece]:
    """Pieces of a text, of about so many bytes, whose ends are yet to be found."""
    ends = [*CorpusPieces(source).targets(piece_bytes), None]
    return [Piece(start, stop) for start, stop in itertools.pairwise(ends)]


def document_pieces(source: CorpusFiles, piece_bytes: int) -> list[Piece]:
    """Pieces of documents, of about so many bytes."""
    return [Piece(*ends) for ends in DocumentPieces(source).ends(piece_bytes)]


def training_sample(
    tasks: StageTasks,
    source: CorpusFiles,
    fractions: tuple[float, float],
    most: int | None,
    step: Callable[[int], int],
    stretches: Stretches,
    piece_bytes: int,
    split_seed: int | None = None,
) -> tuple[int, list[str]]:
    """The characters of the training split, and stretches of them.

    Of documents, it is the text that `documents_for_training` gives.

    Args:
        tasks: what does the tasks.
        source: the files of the corpus.
        fractions: of the characters, those for validation and test.
        most: how many characters are for training at most, in place of what the fractions leave.
        step: every how many-th stretch is taken, by the number of characters.
        stretches: takes them, of texts that begin at a character: every so many-th.
        piece_bytes: bytes of the files that a task reads, about.
        split_seed: of documents, as `encode_corpus` has it.
    """
    # Characters can be cut anywhere.
    job = EncodingJob(source, {"kind": "char"}, Store("."))
    if source.documents is not None:
        num_train, placed = _documents(tasks, job, fractions, piece_bytes, split_seed)
        take = functools.partial(_take_of_documents, job, stretches, step(num_train))
        return num_train, [text for texts in tasks.map("sample", take, placed) for text in texts]
    pieces = pieces_of(source, piece_bytes)
    measured = in_parts(job, functools.partial(tasks.map, "measure"), pieces)
    total = sum(size for _, size in measured)
    num_train = total - sum(math.floor(total * fraction) for fraction in fractions)
    if most is not None:
        num_train = min(total, most)
    (train, *_) = parted(measured, [num_train, total])
    starts = itertools.accumulate((size for _, size in measured if size), initial=0)
    placed = [*zip(train, starts, strict=False)]
    take = functools.partial(_take, job, stretches, step(num_train))
    return num_train, [text for texts in tasks.map("sample", take, placed) for text in texts]


def _documents(
    tasks: StageTasks,
    job: EncodingJob,
    fractions: tuple[float, float],
    piece_bytes: int,
    split_seed: int | None,
) -> tuple[int, list[tuple[Piece, np.ndarray, int, bool]]]:
    """The characters of the training documents, and their pieces: which documents are meant, the
    character that their text begins with, and whether others follow."""
    pieces = document_pieces(job.source, piece_bytes)
    measure = functools.partial(measure_documents, job)
    measured = tasks.map("measure", measure, pieces, lambda number, result: result is None)
    if any(found is None for found in measured):
        pieces = [Piece(START, None)]
        measured = tasks.map("measure", measure, pieces)
    splits = split_of_documents(np.concatenate(measured, axis=1)[0], *fractions, split_seed)
    ends = np.cumsum([found.shape[1] for found in measured])[:-1]
    placed, position = [], 0
    last_size = 0
    for piece, sizes, its_splits in zip(pieces, measured, np.split(splits, ends), strict=True):
        taken = its_splits == 0
        if taken.any():
            placed.append((piece, taken, position, True))
            position += int(sizes[:, taken].sum())
            last_size = int(sizes[1, taken][-1])
    placed[-1] = (*placed[-1][:3], False)
    return position - last_size, placed


def _take_of_documents(job, stretches, every: int, placed) -> list[str]:
    piece, taken, position, go_on = placed
    return [*stretches(texts_of_documents(job, piece, taken, go_on), position, every)]


def _take(job, stretches, every: int, placed: tuple[Piece, int]) -> list[str]:
    piece, position = placed
    return [*stretches(texts_of_piece(job, piece), position, every)]
