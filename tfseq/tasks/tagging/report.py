"""What a tagger made of some sentences, as parts of a report."""

from collections.abc import Sequence

import numpy as np

from tfseq.report import Report

_MOST_SENTENCES = 12
_MOST_TOKENS = 250


def add_tagged_sentences(
    report: Report,
    sentences: Sequence[Sequence[str]],
    tags: Sequence[Sequence[str]],
    predictions: Sequence[Sequence[str]],
    bits: Sequence[Sequence[float]],
) -> None:
    """Add a passage that shows the surprisal of each tag, then what was predicted.

    Args:
        report: the report.
        sentences: the tokens of each sentence.
        tags: what they are, as many; fewer where a sentence was cut.
        predictions: what was predicted.
        bits: −log₂ of the probability that the model gave to what they are.

    Example:

    >>> report = Report("a tagger")
    >>> add_tagged_sentences(report, [["in", "Paris"]], [["O", "LOC"]], [["O", "PER"]], [[0.1, 4]])
    >>> "Paris/PER≠LOC" in report.html()
    True
    """
    tokens, values, notes = [], [], []
    for of in zip(sentences, tags, predictions, bits, strict=True):
        if tokens and len(tokens) + len(of[1]) + 1 > _MOST_TOKENS:
            break
        for token, tag, prediction, value in zip(*of, strict=False):
            tokens.append(token)
            values.append(float(value))
            notes.append(tag if tag == prediction else f"{tag}, taken for {prediction}")
        tokens.append("·")
        values.append(None)
        notes.append("")
    report.heat_map(
        tokens[:-1],
        values[:-1],
        "bits",
        notes[:-1],
        words=True,
        caption="Surprisal: −log₂ of the probability that the model gave to each token's tag. "
        "A dot parts the sentences.",
    )
    rows = {True: [], False: []}
    for sentence, tag, prediction in zip(sentences, tags, predictions, strict=True):
        right = bool(np.array_equal(tag, prediction))
        if len(rows[right]) < _MOST_SENTENCES and (not right or set(tag) != {"O"}):
            rows[right].append(_marked(sentence, tag, prediction))
    for right, caption in ((True, "Right"), (False, "Wrong: what was predicted ≠ what it is")):
        if rows[right]:
            report.text("\n".join(rows[right]), caption=caption)


def _marked(tokens: Sequence[str], tags: Sequence[str], predictions: Sequence[str]) -> str:
    """A sentence with its predictions, and the tag beside where it is another."""
    words = []
    for token, tag, prediction in zip(tokens, tags, predictions, strict=False):
        mark = prediction if tag == prediction else f"{prediction}≠{tag}"
        words.append(token if mark == "O" else f"{token}/{mark}")
    return " ".join(words)
