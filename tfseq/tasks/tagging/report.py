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
    guesses: Sequence[Sequence[str]],
    bits: Sequence[Sequence[float]],
) -> None:
    """Add a passage that shows how much each tag surprised the model, then what was guessed.

    Args:
        report: the report.
        sentences: the tokens of each sentence.
        tags: what they are, as many; fewer where a sentence was cut.
        guesses: what they were taken for.
        bits: −log₂ of the probability that the model gave to what they are.

    Example:

    >>> report = Report("a tagger")
    >>> add_tagged_sentences(report, [["in", "Paris"]], [["O", "LOC"]], [["O", "PER"]], [[0.1, 4]])
    >>> "Paris/PER≠LOC" in report.html()
    True
    """
    tokens, values, notes = [], [], []
    for of in zip(sentences, tags, guesses, bits, strict=True):
        if tokens and len(tokens) + len(of[1]) + 1 > _MOST_TOKENS:
            break
        for token, tag, guess, value in zip(*of, strict=False):
            tokens.append(token)
            values.append(float(value))
            notes.append(tag if tag == guess else f"{tag}, taken for {guess}")
        tokens.append("·")
        values.append(None)
        notes.append("")
    report.heat_map(
        tokens[:-1],
        values[:-1],
        "bits",
        notes[:-1],
        words=True,
        caption="Surprise: −log₂ of the probability that the model gave to each token's tag. "
        "A dot parts the sentences.",
    )
    rows = {True: [], False: []}
    for sentence, tag, guess in zip(sentences, tags, guesses, strict=True):
        right = bool(np.array_equal(tag, guess))
        if len(rows[right]) < _MOST_SENTENCES and (not right or set(tag) != {"O"}):
            rows[right].append(_marked(sentence, tag, guess))
    for right, caption in ((True, "Right"), (False, "Wrong: what was guessed ≠ what it is")):
        if rows[right]:
            report.text("\n".join(rows[right]), caption=caption)


def _marked(tokens: Sequence[str], tags: Sequence[str], guesses: Sequence[str]) -> str:
    """A sentence with its guesses, and the tag beside where it is another."""
    words = []
    for token, tag, guess in zip(tokens, tags, guesses, strict=False):
        mark = guess if tag == guess else f"{guess}≠{tag}"
        words.append(token if mark == "O" else f"{token}/{mark}")
    return " ".join(words)
