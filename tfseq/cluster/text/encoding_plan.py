"""Of which tokens of which pieces the ids of a text are made."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence

from tfseq.cluster.text.stage_tasks import StageTasks
from tfseq.cluster.text.text_sample import pieces_of
from tfseq.data.pieces.piece_encoding import EncodingJob, Piece, number_piece
from tfseq.data.pieces.piece_sampling import in_parts, parted
from tfseq.data.pieces.piece_sums import Taken
from tfseq.errors import InputError
from tfseq.text import SubwordTokenizer, Tokenizer


@dataclasses.dataclass(frozen=True)
class EncodingPlan:
    """Which ids there are, once all pieces are tokenized.

    Attributes:
        counted: pieces of the training split, each with how many of its tokens are of it, or which
            of its documents; None: all.
        parts: what the ids are made of, in their order: pieces, each with which of its documents
            are meant, where it is of such; or None instead of a piece, which is one END.
        sizes: how many ids each part has, at least.
        total: how many ids there are.
        num_train, num_test: how many are for training, and how many for the test.
    """

    counted: Sequence[tuple[Piece, int | Taken | None]]
    parts: Sequence[tuple[Piece | None, Taken | None]]
    sizes: Sequence[int]
    total: int
    num_train: int
    num_test: int


def plan_text(
    tasks: StageTasks,
    job: EncodingJob,
    piece_bytes: int,
    name: str,
    tokenizer: Tokenizer,
    fractions: tuple[float, float],
    max_tokens: int | None,
) -> EncodingPlan | None:
    """Tokenize a corpus that is one text; None where it cannot be cut.

    Args:
        tasks: what does the tasks.
        job: the job.
        piece_bytes: bytes of the files that a task reads, about.
        name: of the corpus, for messages.
        tokenizer, fractions, max_tokens: as `number_splits` has them.

    Raises:
        InputError: there are no tokens.
    """
    by_characters = isinstance(tokenizer, SubwordTokenizer) and max_tokens is None
    if by_characters:
        parts = _by_splits(tasks, job, piece_bytes, fractions)
    else:
        parts = [pieces_of(job.source, piece_bytes)]
    numbered = parts and tasks.tokenize(
        functools.partial(number_piece, job),
        [*itertools.chain(*parts)],
        job.num_bytes,
        int,
        max_tokens,
    )
    if numbered is None:
        return None
    pieces, sizes = numbered
    total = sum(sizes)
    if max_tokens is not None:
        total = min(total, max_tokens)
    if total == 0:
        raise InputError(f"There are no tokens in the corpus {name}.")
    if by_characters:
        left = iter(sizes)
        num_train, _, num_test = (sum(itertools.islice(left, len(part))) for part in parts)
    else:
        num_validation, num_test = (math.floor(total * share) for share in fractions)
        num_train = total - num_validation - num_test
    left, counted = num_train, []
    for piece, size in zip(pieces, sizes, strict=True):
        if left > 0:
            counted.append((piece, None if size <= left else left))
        left -= size
    placed = [(piece, None) for piece in pieces]
    return EncodingPlan(counted, placed, sizes, total, num_train, num_test)


def _by_splits(
    tasks: StageTasks, job: EncodingJob, piece_bytes: int, fractions: tuple[float, float]
) -> list[list[Piece]] | None:
    """The pieces of each split, by characters as `number_splits` has it of subwords."""
    pieces = pieces_of(job.source, piece_bytes)
    measured = in_parts(job, functools.partial(tasks.map, "measure"), pieces)
    if measured is None:
        return None
    total = sum(size for _, size in measured)
    num_validation, num_test = (math.floor(total * fraction) for fraction in fractions)
    return parted(measured, [total - num_validation - num_test, total - num_test, total])
