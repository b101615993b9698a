"""A corpus as token ids, made in pieces by the tasks of a cluster."""

import contextlib
import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.cluster.stage_progress import StageProgress
from tfseq.cluster.tasks import TaskRunner, numbered_groups
from tfseq.cluster.text_sample import pieces_of
from tfseq.data.encoded_corpus import digest_of, id_dtype, write_index
from tfseq.data.encoding import write_text
from tfseq.data.pieces.piece_encoding import (
    EncodingJob,
    Piece,
    count_pieces,
    load_counts,
    number_piece,
    write_shard,
)
from tfseq.data.pieces.piece_sampling import in_parts, parted
from tfseq.data.storage.shards import SHARD_BYTES, shard_name
from tfseq.errors import InputError
from tfseq.files.store import Store
from tfseq.text import Corpus, SubwordTokenizer, Tokenizer, Vocabulary
from tfseq.text.tokenizers.subword_tokenizer import build_vocabulary

#: Bytes of a file that one task reads, about.
PIECE_BYTES = 1 << 26
# Sums of counts that a task adds up.
_ADDED = 16
_ATTEMPTS = 3


@dataclasses.dataclass(frozen=True)
class TextStage:
    """How a corpus is encoded by tasks; a `write` of `encode_corpus`.

    What is written are the ids, the vocabulary and the fingerprint that `encode_corpus` gives
    without it. The ids stand in shards of one size.

    Args:
        runner: what does the tasks.
        piece_bytes: bytes of the files that a task reads, about.
        shard_bytes: of a shard, a multiple of 65,536.
        log: where messages go.
        progress: is told how far the work is.
    """

    runner: TaskRunner
    piece_bytes: int = PIECE_BYTES
    shard_bytes: int = SHARD_BYTES
    log: Callable[[str], None] = lambda line: None
    progress: StageProgress = dataclasses.field(default_factory=StageProgress)

    def __call__(
        self,
        directory: Path,
        work: Store,
        corpus: Corpus,
        tokenizer: Tokenizer,
        vocabulary: Vocabulary | None,
        building: Mapping[str, Any],
        fractions: tuple[float, float],
        chunk_chars: int,
        max_tokens: int | None,
    ) -> None:
        alone = functools.partial(
            *(write_text, directory, work, corpus, tokenizer, vocabulary, building, fractions),
            *(chunk_chars, max_tokens),
        )
        if corpus.source is None:
            self.log(f"{corpus.name} is read by this process: it comes from no file")
            alone()
            return
        job = EncodingJob(corpus.source, tokenizer.get_config(), work, chunk_chars)
        encode = functools.partial(
            *(self._encode, job, directory, corpus, tokenizer, vocabulary, building, fractions),
            max_tokens,
        )
        try:
            if not _again_where_tidied(encode):
                self.log(
                    f"{corpus.name} is read by this process: it goes on for 16 Mi characters "
                    "without a place where it could be cut"
                )
                alone()
        except InputError:
            for _ in corpus.text():  # It names the line, which a task does not know.
                pass
            raise
        finally:
            work.remove()

    def _encode(
        self, job, directory, corpus, tokenizer, vocabulary, building, fractions, max_tokens
    ) -> bool:
        """Write the ids and all that belongs to them; False where the text cannot be cut."""
        by_characters = isinstance(tokenizer, SubwordTokenizer) and max_tokens is None
        if by_characters:
            parts = self._parts(job, fractions)
        else:
            parts = [pieces_of(job.source, self.piece_bytes)]
        numbered = parts and self._number(job, [*itertools.chain(*parts)], max_tokens)
        if numbered is None:
            return False
        pieces, sizes = numbered
        total = sum(sizes)
        if max_tokens is not None:
            total = min(total, max_tokens)
        if total == 0:
            raise InputError(f"There are no tokens in the corpus {corpus.name}.")
        if by_characters:
            left = iter(sizes)
            num_train, _, num_test = (sum(itertools.islice(left, len(part))) for part in parts)
        else:
            num_validation, num_test = (math.floor(total * share) for share in fractions)
            num_train = total - num_validation - num_test
        if vocabulary is None:
            counts = self._count(job, pieces, sizes, num_train)
            vocabulary = build_vocabulary(tokenizer, counts, **building)
        self._write(job, directory, pieces, sizes, total, vocabulary, num_train, num_test)
        self.log(self.progress.summary())
        return True

    def _parts(self, job: EncodingJob, fractions: tuple[float, float]) -> list[list[Piece]] | None:
        """The pieces of each split, by characters as `number_splits` has it of subwords."""
        pieces = pieces_of(job.source, self.piece_bytes)
        self.progress.begin("measure", len(pieces))
        measured = in_parts(job, self.runner.map, pieces)
        self.progress.end()
        if measured is None:
            return None
        total = sum(size for _, size in measured)
        num_validation, num_test = (math.floor(total * fraction) for fraction in fractions)
        return parted(measured, [total - num_validation - num_test, total - num_test, total])

    def _number(
        self, job: EncodingJob, pieces: Sequence[Piece], max_tokens: int | None
    ) -> tuple[list[Piece], list[int]] | None:
        """The pieces of a text, and the tokens of each; None where it cannot be cut."""
        sizes: dict[int, int | None] = {}
        total = sum(path.stat().st_size for path in job.source.files)
        self.progress.begin("tokenize", len(pieces), total)
        first = 0  # The pieces before this one are done, all of them.
        first_tokens = 0

        def done(number: int, size: int | None) -> bool:
            nonlocal first, first_tokens
            sizes[number] = size
            self.progress.done(total // len(pieces), size or 0)
            if size is None:
                return True
            while sizes.get(first) is not None:
                first_tokens += sizes[first]
                first += 1
            return max_tokens is not None and first_tokens >= max_tokens

        self.runner.map(functools.partial(number_piece, job), pieces, done)
        self.progress.end()
        if None in sizes.values():
            return None
        return [*pieces[:first]], [sizes[number] for number in range(first)]

    def _count(
        self, job: EncodingJob, pieces: Sequence[Piece], sizes: Sequence[int], num_train: int
    ) -> dict[str, int]:
        """How often each token occurs in the training split: sums of sums of sums."""
        left, counted = num_train, []
        for piece, size in zip(pieces, sizes, strict=True):
            if left > 0:
                counted.append((piece, None if size <= left else left))
            left -= size
        groups: list[Any] = [(group, []) for group in numbered_groups(counted, _ADDED)]
        while True:
            paths = self._map("count", functools.partial(_count_group, job), groups)
            if len(paths) == 1:
                return load_counts(job, paths[0])
            groups = [([], group) for group in numbered_groups(paths, _ADDED)]

    def _write(self, job, directory, pieces, sizes, total, vocabulary, num_train, num_test) -> None:
        with job.work.writing("vocabulary.txt") as path:
            vocabulary.save(path)
        per_shard = self.shard_bytes // id_dtype(vocabulary).itemsize
        ends = np.cumsum(sizes)
        shards = []
        for number, start in enumerate(range(0, total, per_shard)):
            stop = min(start + per_shard, total)
            first, last = np.searchsorted(ends, start, "right"), np.searchsorted(ends, stop, "left")
            parts = [
                (
                    pieces[n],
                    max(0, start - int(ends[n] - sizes[n])),
                    min(sizes[n], stop - int(ends[n] - sizes[n])),
                )
                for n in range(first, last + 1)
            ]
            shards.append((shard_name(number), parts))
        self._map("write", functools.partial(_write_one, job), shards)
        names = [name for name, _ in shards]
        for name in names:
            job.work.take(name, directory / name)
        self.progress.begin("digest", 1)
        digest = digest_of(directory / name for name in names)
        self.progress.end()
        write_index(directory, digest, num_train, vocabulary, num_test, names)

    def _map(self, stage: str, function: Callable, items: Sequence[Any]) -> list[Any]:
        self.progress.begin(stage, len(items))
        results = self.runner.map(function, items, lambda number, result: self.progress.done())
        self.progress.end()
        return results


def _again_where_tidied(encode: Callable[[], bool]) -> bool:
    """Encode; again where another process with the same text was done, and has tidied up."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(FileNotFoundError):
            return encode()
    return encode()


def _count_group(job: EncodingJob, group: tuple[Any, Any]) -> str:
    return count_pieces(job, *group)


def _write_one(job: EncodingJob, shard: tuple[str, Any]) -> None:
    write_shard(job, *shard)
