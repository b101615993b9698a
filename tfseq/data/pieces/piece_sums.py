"""Counts and ids of pieces that have been tokenized: parts of encoding that any process can do, and
do again. Each is written whole or not at all, under a name that says what it is."""

import functools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfseq.data.encoded_corpus import id_dtype
from tfseq.data.numbered_documents import NumberedDocuments
from tfseq.data.pieces.piece_encoding import (
    EncodingJob,
    Piece,
    counts_of_piece,
    digest_of_parts,
    numbered,
)
from tfseq.files.store import Store
from tfseq.text import Vocabulary

#: Of a piece of documents, which are meant: one bit each, as `packed` writes it.
Taken = bytes


def count_pieces(
    job: EncodingJob, pieces: Sequence[tuple[Piece, int | Taken | None]], counted: Sequence[str]
) -> str:
    """Add up how often each token occurs: in pieces, or in a part of them, and in sums.

    Args:
        job: the job.
        pieces: pieces, each with how many of its tokens count, or which of its documents; None:
            all.
        counted: names of sums, as this function returns them.

    Returns:
        The name of the sum.
    """
    name = f"{digest_of_parts([job.layout, *pieces, *counted])}.counts"
    if job.work.exists(name):
        return name
    counts: Counter[str] = Counter()
    for piece, part in pieces:
        if part is None:
            counts.update(counts_of_piece(job, piece))
            continue
        with numbered(job, piece) as tokens:
            documents = isinstance(tokens, NumberedDocuments)
            counts.update(tokens.counts(_unpacked(part, tokens) if documents else part))
    for part in counted:
        counts.update(job.read_json(part))
    job.write_json(name, counts)
    return name


def write_shard(
    job: EncodingJob, name: str, parts: Sequence[tuple[Piece | None, Taken | None, int, int]]
) -> None:
    """Write a shard of ids under a name.

    The vocabulary is `vocabulary.txt` in the same place.

    Args:
        job: the job.
        name: of the shard.
        parts: pieces, each with which of its documents are meant, where it is of such, and the
            first of its ids, and the one after the last. Instead of a piece, None is one END.
    """
    if job.work.exists(name):
        return
    vocabulary = _vocabulary(job.work.place)
    dtype = id_dtype(vocabulary)
    _, end = vocabulary.document_ids or (None, None)
    with job.work.writing(name) as path, path.open("wb") as file:
        for piece, taken, start, stop in parts:
            if piece is None:
                file.write(np.array([end], dtype).data)
                continue
            with numbered(job, piece) as tokens:
                documents = isinstance(tokens, NumberedDocuments)
                distinct = (tokens.tokens if documents else tokens).distinct
                id_of = vocabulary.token_to_id(tf.constant(distinct, tf.string)).numpy()
                if documents:
                    ids = tokens.ids(id_of, end, _unpacked(taken, tokens), start, stop)
                else:
                    ids = (id_of[numbers] for numbers in tokens.read(stop, start))
                for some in ids:
                    file.write(some.astype(dtype).data)


def packed(taken: np.ndarray) -> Taken:
    """Which documents of a piece are meant, in little space; bool of each."""
    return np.packbits(taken).tobytes()


def _unpacked(taken: Taken, documents: NumberedDocuments) -> np.ndarray:
    bits = np.unpackbits(np.frombuffer(taken, np.uint8), count=len(documents.lengths))
    return bits.astype(bool)


@functools.lru_cache(1)
def _vocabulary(place: str) -> Vocabulary:
    with Store(place).reading("vocabulary.txt") as path:
        return Vocabulary.load(path)
