"""A corpus as token ids, made in pieces by the tasks of a cluster."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfseq.cluster.tasks import TaskRunner, numbered_groups
from tfseq.cluster.text.document_plan import plan_documents
from tfseq.cluster.text.encoding_plan import EncodingPlan, plan_text
from tfseq.cluster.text.naming_lines import NamingLines
from tfseq.cluster.text.stage_progress import StageProgress
from tfseq.cluster.text.stage_tasks import StageTasks
from tfseq.data.document_encoding import with_ends, write_documents
from tfseq.data.encoded_corpus import digest_of, id_dtype, write_index
from tfseq.data.encoding import write_text
from tfseq.data.pieces.piece_encoding import EncodingJob, layout_of
from tfseq.data.pieces.piece_sums import count_pieces, write_shard
from tfseq.data.storage.shards import SHARD_BYTES, shard_name
from tfseq.errors import InputError
from tfseq.files.store import Store
from tfseq.text import Corpus, Tokenizer, Vocabulary
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
        split_seed: int | None = None,
    ) -> None:
        alone = functools.partial(
            *(write_documents if corpus.apart else write_text, directory, work, corpus, tokenizer),
            *(vocabulary, building, fractions, chunk_chars, max_tokens, split_seed),
        )
        if corpus.source is None:
            self.log(f"{corpus.name} is read by this process: it comes from no file")
            alone()
            return
        job = EncodingJob(
            *(corpus.source, tokenizer.get_config(), work, chunk_chars), layout_of(corpus.source)
        )
        tasks = StageTasks(NamingLines(self.runner, corpus), self.progress)
        how = tasks, job, self.piece_bytes, corpus.name, tokenizer, fractions, max_tokens
        if corpus.apart:
            plan = functools.partial(plan_documents, *how, split_seed)
            building = with_ends(building)
        else:
            plan = functools.partial(plan_text, *how)
        encode = functools.partial(
            self._encode, tasks, job, directory, plan, tokenizer, vocabulary, building
        )
        if not _again_where_removed(encode, job):
            self.log(
                f"{corpus.name} is read by this process: it goes on for 16 Mi characters "
                "without a place where it could be cut"
            )
            alone()

    def _encode(self, tasks, job, directory, plan, tokenizer, vocabulary, building) -> bool:
        """Write the ids and all that belongs to them; False where the text cannot be cut."""
        planned = plan()
        if planned is None:
            return False
        if vocabulary is None:
            counts = _count(tasks, job, planned)
            vocabulary = build_vocabulary(tokenizer, counts, **building)
        self._write(tasks, job, directory, planned, vocabulary)
        self.log(self.progress.summary())
        return True

    def _write(self, tasks, job, directory, planned: EncodingPlan, vocabulary: Vocabulary) -> None:
        with job.work.writing("vocabulary.txt") as path:
            vocabulary.save(path)
        per_shard = self.shard_bytes // id_dtype(vocabulary).itemsize
        sizes, ends, shards = planned.sizes, np.cumsum(planned.sizes), []
        for number, start in enumerate(range(0, planned.total, per_shard)):
            stop = min(start + per_shard, planned.total)
            first, last = np.searchsorted(ends, start, "right"), np.searchsorted(ends, stop, "left")
            parts = [
                (
                    *planned.parts[n],
                    max(0, start - int(ends[n] - sizes[n])),
                    min(sizes[n], stop - int(ends[n] - sizes[n])),
                )
                for n in range(first, last + 1)
            ]
            shards.append((shard_name(number), parts))
        tasks.map("write", functools.partial(_write_one, job), shards)
        names = [name for name, _ in shards]
        self.progress.begin("digest", 1)
        files = [job.work.fetched(name, directory / name) for name in names]
        digest = digest_of(files)
        self.progress.end()
        write_index(directory, digest, planned.num_train, vocabulary, planned.num_test, names)
        # Last: if this process is killed, the next one finds the shards where they were.
        for name, file in zip(names, files, strict=True):
            file.rename(directory / name)


def _count(tasks: StageTasks, job: EncodingJob, planned: EncodingPlan) -> dict[str, int]:
    """How often each token occurs in the training split: sums of sums of sums."""
    groups: list[Any] = [(group, []) for group in numbered_groups(planned.counted, _ADDED)]
    while groups:
        paths = tasks.map("count", functools.partial(_count_group, job), groups)
        if len(paths) == 1:
            return job.read_json(paths[0])
        groups = [([], group) for group in numbered_groups(paths, _ADDED)]
    return {}


def _again_where_removed(encode: Callable[[], bool], job: EncodingJob) -> bool:
    """Encode; again where a process on another machine, with the same text, has removed the work.

    Raises:
        InputError: that was so each time.
    """
    for _ in range(_ATTEMPTS):
        try:
            return encode()
        except FileNotFoundError as error:
            if not all(path.exists() for path in job.source.files):
                raise
            last = error
    raise InputError(
        f"Another process removed {job.work.place} while this one worked there, {_ATTEMPTS} times. "
        "Start again when no other process encodes this text."
    ) from last


def _count_group(job: EncodingJob, group: tuple[Any, Any]) -> str:
    return count_pieces(job, *group)


def _write_one(job: EncodingJob, shard: tuple[str, Any]) -> None:
    write_shard(job, *shard)
