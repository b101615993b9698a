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
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tfseq.data.numbered_documents import NumberedDocuments, number_documents
from tfseq.data.numbering import NumberedTokens, counts_of, number_tokens
from tfseq.files.store import Store
from tfseq.text import Tokenizer
from tfseq.text.corpora.corpus_opening import CorpusFiles
from tfseq.text.corpora.corpus_pieces import START, CorpusPieces, NoPlaceToCutError, Place
from tfseq.text.corpora.document_pieces import DocumentPieces
from tfseq.text.tokenizers.make_tokenizer import make_tokenizer

# To be raised when other things are kept of a piece.
_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Piece:
    """A stretch of a text.

    Attributes:
        start, stop: its ends; None is the end of the text.
        exact: whether they are the very places, and not targets after which a place to cut is
            looked for. Of documents they never are: a piece has those that begin between them.
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
        layout: what `layout_of` says of the source, where the work may be that of another process,
            whose files hold the same text in another way.
    """

    source: CorpusFiles
    tokenizer: dict[str, Any]
    work: Store
    chunk_chars: int = 1 << 18
    layout: str = ""

    @property
    def num_bytes(self) -> int:
        """The bytes of the files."""
        return sum(path.stat().st_size for path in self.source.files)

    def write_json(self, name: str, value: Any) -> None:
        """Keep a value under a name among what is made on the way."""
        with self.work.writing(name) as path:
            path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")

    def read_json(self, name: str) -> Any:
        """What `write_json` has kept."""
        with self.work.reading(name) as path:
            return json.loads(path.read_bytes())


def layout_of(source: CorpusFiles) -> str:
    """A name for files, their sizes, their times and how they are read.

    The same text has other pieces in other files: with a byte order mark, say, or as records.
    """
    states = [path.stat() for path in source.files]
    sizes = [(state.st_size, state.st_mtime_ns) for state in states]
    return digest_of_parts([_FORMAT, dataclasses.astuple(source), sizes])


def number_piece(job: EncodingJob, piece: Piece) -> int | None:
    """Tokenize a piece, unless it has been done: how many tokens it has.

    None where only one reader of the whole text can tell its tokens, see `NoPlaceToCutError`.
    """
    arrays = _arrays(job, piece)
    return None if arrays is None else int(arrays["lengths"].sum())


def number_documents_of_piece(job: EncodingJob, piece: Piece) -> np.ndarray | None:
    """Tokenize the documents of a piece, unless it has been done.

    Returns:
        int64 `[2, D]`: the tokens of each document and its characters, see `NumberedDocuments`.
        None where only one reader of the whole text can tell the documents.
    """
    arrays = _arrays(job, piece)
    return None if arrays is None else arrays["documents"]


@contextlib.contextmanager
def numbered(job: EncodingJob, piece: Piece) -> Iterator[NumberedTokens | NumberedDocuments]:
    """A piece that has been tokenized, for as long as the block lasts; done again where it was
    lost. It is documents where the text is."""
    kept = _arrays(job, piece)
    sizes = [np.dtype(f"u{size}") for size in kept["sizes"].tolist()]
    pieces = [*zip(sizes, kept["lengths"].tolist(), strict=True)]
    distinct = _split(kept["text"], kept["ends"])
    with job.work.reading(f"{_name(job, piece)}.numbers") as path:
        tokens = NumberedTokens(path, distinct, pieces)
        documents = kept.get("documents")
        yield tokens if documents is None else NumberedDocuments(tokens, *documents)


def counts_of_piece(job: EncodingJob, piece: Piece) -> dict[str, int]:
    """How often each token occurs in a piece; its numbers, many times as large, are not read."""
    kept = _arrays(job, piece)
    return counts_of(_split(kept["text"], kept["ends"]), kept["frequencies"])


def _arrays(job: EncodingJob, piece: Piece) -> dict[str, np.ndarray] | None:
    """What is kept of a piece beside the numbers of its tokens, which are there too."""
    name = f"{_name(job, piece)}.tokens"
    if not job.work.exists(name):
        try:
            return _number(job, piece)
        except NoPlaceToCutError:
            return None
    with job.work.reading(name) as path, np.load(path) as kept:
        return {**kept}


def _number(job: EncodingJob, piece: Piece) -> dict[str, np.ndarray]:
    tokenizer, more = tokenizer_of_job(job), {}
    with job.work.writing(f"{_name(job, piece)}.numbers") as path:
        if job.source.documents is None:
            pieces = CorpusPieces(job.source)
            start, stop = ends_of_piece(pieces, piece, tokenizer)
            chunks = [] if start is None else pieces.chunks(start, stop, tokenizer, job.chunk_chars)
            tokens = number_tokens(chunks, tokenizer, path)
        else:
            documents = number_documents(
                DocumentPieces(job.source).documents(piece.start, piece.stop),
                tokenizer,
                path,
                job.chunk_chars,
            )
            tokens = documents.tokens
            more = {"documents": np.stack([documents.lengths, documents.characters])}
        frequencies = tokens.frequencies()
    arrays = {
        "frequencies": frequencies,
        "text": np.frombuffer(b"".join(tokens.distinct), np.uint8),
        "ends": np.cumsum([len(token) for token in tokens.distinct], dtype=np.int64),
        "sizes": np.array([np.dtype(dtype).itemsize for dtype, _ in tokens.pieces], np.int64),
        "lengths": np.array([length for _, length in tokens.pieces], np.int64),
        **more,
    }
    # It is there last: who finds it finds the numbers too.
    with job.work.writing(f"{_name(job, piece)}.tokens") as path, path.open("wb") as file:
        np.savez(file, **arrays)
    return arrays


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


def _name(job: EncodingJob, piece: Piece) -> str:
    return digest_of_parts([job.layout, piece])


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
