"""Of which documents of which pieces the ids of a corpus are made."""

import functools

import numpy as np

from tfseq.cluster.text.encoding_plan import EncodingPlan
from tfseq.cluster.text.stage_tasks import StageTasks
from tfseq.cluster.text.text_sample import document_pieces
from tfseq.data.document_encoding import split_of_numbered
from tfseq.data.pieces.piece_encoding import EncodingJob, number_documents_of_piece
from tfseq.data.pieces.piece_sums import packed
from tfseq.text import Tokenizer


def plan_documents(
    tasks: StageTasks,
    job: EncodingJob,
    piece_bytes: int,
    name: str,
    tokenizer: Tokenizer,
    fractions: tuple[float, float],
    max_tokens: int | None,
    split_seed: int | None,
) -> EncodingPlan | None:
    """Tokenize a corpus whose documents are apart; None where it cannot be cut.

    The ids are those that `write_documents` tells of. This process holds the lengths of all
    documents, and draws the splits.

    Args:
        tasks, job, piece_bytes, name: as `plan_text` has them.
        tokenizer, fractions, max_tokens, split_seed: as `encode_corpus` has them.

    Raises:
        InputError: there are too few documents.
    """
    numbered = tasks.tokenize(
        functools.partial(number_documents_of_piece, job),
        document_pieces(job.source, piece_bytes),
        job.num_bytes,
        lambda sizes: int(sizes[0].sum()),
        max_tokens,
    )
    if numbered is None:
        return None
    pieces, found = numbered
    lengths, characters = np.concatenate(found, axis=1)
    splits = split_of_numbered(
        lengths, characters, name, tokenizer, fractions, split_seed, max_tokens
    )
    ends = np.cumsum([sizes.shape[1] for sizes in found])[:-1]
    of_pieces = [*zip(pieces, np.split(lengths, ends), np.split(splits, ends), strict=True)]
    parts, sizes, totals, counted = [(None, None)], [1], [1, 0, 0], []
    for split in range(3):
        for piece, its_lengths, its_splits in of_pieces:
            taken = its_splits == split
            size = int((its_lengths[taken] + 1).sum())
            if size:
                parts.append((piece, packed(taken)))
                sizes.append(size)
                totals[split] += size
        if split == 0:
            counted = parts[1:]
    return EncodingPlan(counted, parts, sizes, sum(totals), totals[0], totals[2])
