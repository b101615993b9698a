"""The parts of encoding a corpus in pieces, each of which any process can do, and do again.

What a part makes is a function of the text, the tokenizer and the part alone. It is written under a
name that says so, whole or not at all: a part that has been done is found, one that was lost is
done again, and two processes that do the same do no harm.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data.encoded_corpus import id_dtype
from tfseq.data.numbering import NumberedTokens, number_tokens
from tfseq.files.store import Store
from tfseq.text import Tokenizer, Vocabulary
from tfseq.text.corpora.corpus_opening import CorpusFiles
from tfseq.text.corpora.corpus_pieces import START, CorpusPieces, NoPlaceToCutError, Place
from tfseq.text.tokenizers.make_tokenizer import make_tokenizer


@dataclasses.dataclass(frozen=True)
class Piece:
    """A stretch of a text.

    Attributes:
        start, stop: its ends; None is the end of the text.
        exact: whether they are the very places, and not targets after which a place to cut is
            looked for.
    """

    start: Place
    stop: Place | None
    exact: bool = False


@dataclasses.dataclass(frozen=True)
class EncodingJob:
    """What all parts have in common.

    Attributes:
        source: the files of the corpus.
        tokenizer: what `make_tokenizer` makes it of.
        work: where every process reads and writes what is made on the way.
        chunk_chars: characters that are tokenized at a time, at least.
    """

    source: CorpusFiles
    tokenizer: dict[str, Any]
    work: Store
    chunk_chars: int = 1 << 18


def number_piece(job: EncodingJob, piece: Piece) -> int | None:
    """Tokenize a piece, unless it has been done: how many tokens it has.

    None where only one reader of the whole text can tell its tokens, see `NoPlaceToCutError`.
    """
    try:
        with numbered(job, piece) as tokens:
            return tokens.num_tokens
    except NoPlaceToCutError:
        return None


@contextlib.contextmanager
def numbered(job: EncodingJob, piece: Piece) -> Iterator[NumberedTokens]:
    """A piece that has been tokenized, for as long as the block lasts; done again where it was
    lost."""
    name = _name(piece)
    if not job.work.exists(f"{name}.tokens"):
        _number(job, piece)
    with job.work.reading(f"{name}.tokens") as path, np.load(path) as kept:
        pieces = [
            (np.dtype(f"u{size}"), length)
            for size, length in zip(kept["sizes"].tolist(), kept["lengths"].tolist(), strict=True)
        ]
        distinct = _split(kept["text"], kept["ends"])
    with job.work.reading(f"{name}.numbers") as path:
        yield NumberedTokens(path, distinct, pieces)


def count_pieces(
    job: EncodingJob, pieces: Sequence[tuple[Piece, int | None]], counted: Sequence[str]
) -> str:
    """Add up how often each token occurs: in pieces, or in their first tokens, and in sums.

    Args:
        job: the job.
        pieces: pieces, each with how many of its tokens count; None: all.
        counted: names of sums, as this function returns them.

    Returns:
        The name of the sum.
    """
    name = f"{digest_of_parts([*pieces, *counted])}.counts"
    if job.work.exists(name):
        return name
    counts: Counter[str] = Counter()
    for piece, stop in pieces:
        with numbered(job, piece) as tokens:
            counts.update(tokens.counts(stop))
    for part in counted:
        counts.update(load_counts(job, part))
    with job.work.writing(name) as path:
        path.write_text(json.dumps(counts, ensure_ascii=False), encoding="utf-8")
    return name


def load_counts(job: EncodingJob, name: str) -> dict[str, int]:
    """The sum that `count_pieces` has written."""
    with job.work.reading(name) as path:
        return json.loads(path.read_bytes())


def write_shard(job: EncodingJob, name: str, parts: Sequence[tuple[Piece, int, int]]) -> None:
    """Write a shard of ids under a name: of pieces, each from a token to another.

    The vocabulary is `vocabulary.txt` in the same place.
    """
    if job.work.exists(name):
        return
    vocabulary = _vocabulary(job.work.place)
    dtype = id_dtype(vocabulary)
    with job.work.writing(name) as path, path.open("wb") as file:
        for piece, start, stop in parts:
            with numbered(job, piece) as tokens:
                id_of = vocabulary.token_to_id(tf.constant(tokens.distinct, tf.string)).numpy()
                for numbers in tokens.read(stop, start):
                    file.write(id_of[numbers].astype(dtype).data)


def _number(job: EncodingJob, piece: Piece) -> None:
    tokenizer = tokenizer_of_job(job)
    pieces = CorpusPieces(job.source)
    start, stop = ends_of_piece(pieces, piece, tokenizer)
    chunks = [] if start is None else pieces.chunks(start, stop, tokenizer, job.chunk_chars)
    with job.work.writing(f"{_name(piece)}.numbers") as path:
        tokens = number_tokens(chunks, tokenizer, path)
    arrays = {
        "text": np.frombuffer(b"".join(tokens.distinct), np.uint8),
        "ends": np.cumsum([len(token) for token in tokens.distinct], dtype=np.int64),
        "sizes": np.array([np.dtype(dtype).itemsize for dtype, _ in tokens.pieces], np.int64),
        "lengths": np.array([length for _, length in tokens.pieces], np.int64),
    }
    # It is there last: who finds it finds the numbers too.
    with job.work.writing(f"{_name(piece)}.tokens") as path, path.open("wb") as file:
        np.savez(file, **arrays)


def ends_of_piece(
    pieces: CorpusPieces, piece: Piece, tokenizer: Tokenizer
) -> tuple[Place | None, Place | None]:
    """The places where a piece begins and ends; it begins nowhere where it has nothing."""
    if piece.exact:
        return piece.start, piece.stop
    start = piece.start if piece.start == START else pieces.cut(piece.start, tokenizer)
    stop = None if start is None or piece.stop is None else pieces.cut(piece.stop, tokenizer)
    return start, stop


def tokenizer_of_job(job: EncodingJob) -> Tokenizer:
    """The tokenizer of a job, made once in each process."""
    return _tokenizer(json.dumps(job.tokenizer))


def _name(piece: Piece) -> str:
    return digest_of_parts([piece])


def digest_of_parts(parts: Sequence[Any]) -> str:
    """A name for what is made of parts, each of which its `repr` determines."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _split(text: np.ndarray, ends: np.ndarray) -> list[bytes]:
    content = text.tobytes()
    stops = ends.tolist()
    return [content[a:b] for a, b in zip([0, *stops], stops, strict=False)]


@functools.lru_cache(2)
def _tokenizer(config: str) -> Tokenizer:
    return make_tokenizer(json.loads(config))


@functools.lru_cache(1)
def _vocabulary(place: str) -> Vocabulary:
    with Store(place).reading("vocabulary.txt") as path:
        return Vocabulary.load(path)
