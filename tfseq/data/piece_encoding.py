"""The parts of encoding a corpus in pieces, each of which any process can do, and do again.

What a part makes is a function of the text, the tokenizer and the part alone. It is written under a
name that says so, whole or not at all: a part that has been done is found, one that was lost is
done again, and two processes that do the same do no harm.
"""

import dataclasses
import functools
import hashlib
import json
import os
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data.encoded_corpus import id_dtype
from tfseq.data.numbering import NumberedTokens, number_tokens
from tfseq.data.shards import shard_name
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
        work: a directory that every process reads and writes, for what is not yet ids.
        chunk_chars: characters that are tokenized at a time, at least.
    """

    source: CorpusFiles
    tokenizer: dict[str, Any]
    work: str
    chunk_chars: int = 1 << 18

    def file(self, piece: Piece) -> Path:
        """Where what is known of a piece is kept."""
        return Path(self.work, hashlib.sha256(repr(piece).encode()).hexdigest()[:32])


def number_piece(job: EncodingJob, piece: Piece) -> int | None:
    """Tokenize a piece, unless it has been done: how many tokens it has.

    None where only one reader of the whole text can tell its tokens, see `NoPlaceToCutError`.
    """
    if not _tokens_file(job, piece).exists():
        try:
            _number(job, piece)
        except NoPlaceToCutError:
            return None
    return load_numbered(job, piece).num_tokens


def load_numbered(job: EncodingJob, piece: Piece) -> NumberedTokens:
    """A piece that has been tokenized; done again where it was lost."""
    if not _tokens_file(job, piece).exists():
        _number(job, piece)
    with np.load(_tokens_file(job, piece)) as kept:
        pieces = [
            (np.dtype(f"u{size}"), length)
            for size, length in zip(kept["sizes"].tolist(), kept["lengths"].tolist(), strict=True)
        ]
        return NumberedTokens(job.file(piece), _split(kept["text"], kept["ends"]), pieces)


def count_pieces(
    job: EncodingJob, pieces: Sequence[tuple[Piece, int | None]], counted: Sequence[Path]
) -> Path:
    """Add up how often each token occurs: in pieces, or in their first tokens, and in sums.

    Args:
        job: the job.
        pieces: pieces, each with how many of its tokens count; None: all.
        counted: files of sums, as this function returns them.

    Returns:
        The file of the sum.
    """
    name = repr([(piece, stop) for piece, stop in pieces] + [path.name for path in counted])
    path = Path(job.work, f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.counts")
    if path.exists():
        return path
    counts: Counter[str] = Counter()
    for piece, stop in pieces:
        counts.update(load_numbered(job, piece).counts(stop))
    for part in counted:
        counts.update(load_counts(part))
    _write(path, json.dumps(counts, ensure_ascii=False).encode())
    return path


def load_counts(path: Path) -> dict[str, int]:
    """The sum that `count_pieces` has written."""
    return json.loads(path.read_bytes())


def write_shard(
    job: EncodingJob, directory: Path, number: int, parts: Sequence[tuple[Piece, int, int]]
) -> int:
    """Write a shard of ids: of pieces, each from a token to another. Returns its bytes.

    The vocabulary is `vocabulary.txt` in the directory.
    """
    path = directory / shard_name(number)
    vocabulary = _vocabulary(directory / "vocabulary.txt")
    dtype = id_dtype(vocabulary)
    if not path.exists():
        aside = _aside(path)
        with aside.open("wb") as file:
            for piece, start, stop in parts:
                numbered = load_numbered(job, piece)
                id_of = vocabulary.token_to_id(tf.constant(numbered.distinct, tf.string)).numpy()
                for numbers in numbered.read(stop, start):
                    file.write(id_of[numbers].astype(dtype).data)
        os.replace(aside, path)
    return path.stat().st_size


def _number(job: EncodingJob, piece: Piece) -> None:
    tokenizer = tokenizer_of_job(job)
    pieces = CorpusPieces(job.source)
    start, stop = ends_of_piece(pieces, piece, tokenizer)
    chunks = [] if start is None else pieces.chunks(start, stop, tokenizer, job.chunk_chars)
    path = job.file(piece)
    aside = _aside(path)
    try:
        numbered = number_tokens(chunks, tokenizer, aside)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    arrays = {
        "text": np.frombuffer(b"".join(numbered.distinct), np.uint8),
        "ends": np.cumsum([len(token) for token in numbered.distinct], dtype=np.int64),
        "sizes": np.array([np.dtype(dtype).itemsize for dtype, _ in numbered.pieces], np.int64),
        "lengths": np.array([length for _, length in numbered.pieces], np.int64),
    }
    aside = _aside(_tokens_file(job, piece))
    with aside.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(aside, _tokens_file(job, piece))


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


def _tokens_file(job: EncodingJob, piece: Piece) -> Path:
    return job.file(piece).with_suffix(".tokens")


def _split(text: np.ndarray, ends: np.ndarray) -> list[bytes]:
    content = text.tobytes()
    stops = ends.tolist()
    return [content[a:b] for a, b in zip([0, *stops], stops, strict=False)]


def _write(path: Path, content: bytes) -> None:
    aside = _aside(path)
    aside.write_bytes(content)
    os.replace(aside, path)


def _aside(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")


@functools.lru_cache(2)
def _tokenizer(config: str) -> Tokenizer:
    return make_tokenizer(json.loads(config))


@functools.lru_cache(1)
def _vocabulary(path: Path) -> Vocabulary:
    return Vocabulary.load(path)
