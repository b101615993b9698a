"""How many spans were found whole: precision, recall and F1 of IOB tags."""

from collections.abc import Iterable, Sequence


def names_spans(tags: Iterable[str]) -> bool:
    """Whether tags name spans: some are `B-kind`, `I-kind`, `E-kind` or `S-kind`, the others `O`.

    >>> names_spans(["O", "B-PER", "I-PER"]), names_spans(["NOUN", "VERB"])
    (True, False)
    """
    tags = set(tags)
    named = {tag for tag in tags if tag[:2] in ("B-", "I-", "E-", "S-") and len(tag) > 2}
    return bool(named) and tags - named <= {"O"}


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The spans of a sentence: (kind, first token, last token).

    A span begins at `B-kind` and `S-kind`, and at any other tag after `O`, after another kind, or
    after `E-kind` and `S-kind`, which end theirs; it goes on while `I-kind` or `E-kind` follows.
    seqeval, where it is given no scheme, and conlleval read tags in this way.

    >>> sorted(spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]))
    [('LOC', 3, 3), ('LOC', 4, 4), ('PER', 0, 1)]
    >>> sorted(spans(["B-PER", "E-PER", "S-PER"]))
    [('PER', 0, 1), ('PER', 2, 2)]
    """
    found, begin, kind, ended = set(), 0, None, False
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, of = tag.partition("-")
        of = None if prefix == "O" else of
        if prefix in ("B", "S") or of != kind or ended:
            if kind is not None:
                found.add((kind, begin, place - 1))
            begin, kind = place, of
        ended = prefix in ("E", "S")
    return found


def span_scores(
    tags: Iterable[Sequence[str]], predictions: Iterable[Sequence[str]]
) -> dict[str, float]:
    """Precision, recall and F1 over the spans of all sentences together.

    A span counts as found where kind, first and last token are right. A score that would be
    0 / 0 is 0.

    >>> span_scores([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]])
    {'precision': 0.5, 'recall': 0.5, 'f1': 0.5}
    """
    right = predicted = expected = 0
    for sentence, prediction in zip(tags, predictions, strict=True):
        wanted, found = spans(sentence), spans(prediction)
        right += len(wanted & found)
        predicted += len(found)
        expected += len(wanted)
    return {
        "precision": right / max(predicted, 1),
        "recall": right / max(expected, 1),
        "f1": 2 * right / max(predicted + expected, 1),
    }
