"""How long documents are: those that a model read, and those that it writes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfseq.data import EncodedCorpus
from tfseq.data.shuffled_documents import Documents, ends_of
from tfseq.generation import TextGenerator

_NUM_WRITTEN = 64
# What is written is cut at twice the third quartile of what was read, and here at the latest.
_MOST_TOKENS = 2000


def quartiles(lengths: Sequence[int]) -> list[int]:
    """The lengths that a quarter, half and three quarters of documents do not exceed.

    >>> quartiles([5, 1, 9, 3])
    [1, 3, 5]
    """
    return np.quantile(lengths, (0.25, 0.5, 0.75), method="inverted_cdf").astype(int).tolist()


def count_documents(corpus: EncodedCorpus) -> dict[str, int]:
    """The documents of each split, by the names of `metrics.json`; none of one long text."""
    if corpus.end_id is None:
        return {}
    splits = {split: getattr(corpus, split) for split in ("train", "validation", "test")}
    ends = {split: len(ends_of(ids, corpus.end_id)) for split, ids in splits.items()}
    ends["train"] -= 1  # The one before the first document.
    return {f"{split}_documents": number for split, number in ends.items()}


def measure_lengths(
    corpus: EncodedCorpus, generator: TextGenerator | None, seed: int = 0
) -> dict[str, Any]:
    """The quartiles of documents that were read, and of some that the model writes.

    It writes them by its own distribution, from the begin token on. One that has not ended at the
    cap counts as that long, which does not change a quartile below it.

    Args:
        corpus: the documents; those of its training split are measured.
        generator: what writes; None measures the training split alone.
        seed: that of the first text; the next one has the next seed.

    Returns:
        `read_length_quartiles`, tokens without the end token; and `written_length_quartiles`,
        `written_documents`, their number, `written_ended`, those that ended, and
        `written_max_tokens`, the cap.
    """
    read = quartiles(Documents(corpus.train, corpus.end_id).lengths)
    figures: dict[str, Any] = {"read_length_quartiles": read}
    if generator is None:
        return figures
    cap = min(2 * read[2] + 1, _MOST_TOKENS)
    seeds = list(range(seed, seed + _NUM_WRITTEN))
    written = generator.generate([""] * _NUM_WRITTEN, cap, seed=seeds, allow_unknown=True)
    lengths = [text.num_tokens - text.ended for text in written]
    return figures | {
        "written_length_quartiles": quartiles(lengths),
        "written_documents": _NUM_WRITTEN,
        "written_ended": sum(text.ended for text in written),
        "written_max_tokens": cap,
    }


def describe_lengths(metrics: Mapping[str, Any], unit: str) -> list[str]:
    """The figures of `measure_lengths`, a line each.

    >>> metrics = {"train_documents": 480, "read_length_quartiles": [17, 32, 48]}
    >>> describe_lengths(metrics, "character")
    ['documents read        quartiles 17, 32, 48 characters, of 480']
    """

    def line(what: str, of: str) -> str:
        told = ", ".join(f"{length:,}" for length in metrics[f"{what}_length_quartiles"])
        return f"{f'documents {what}':21} quartiles {told} {unit}s, of {of}"

    if "read_length_quartiles" not in metrics:
        return []
    lines = [line("read", f"{metrics['train_documents']:,}")]
    if "written_length_quartiles" in metrics:
        number, ended = metrics["written_documents"], metrics["written_ended"]
        cap = metrics["written_max_tokens"]
        left = number - ended
        more = f", {left} of which had not ended at {cap:,}" if left else ""
        lines.append(line("written", f"{number}{more}"))
    return lines
