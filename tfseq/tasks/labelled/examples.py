"""Labelled examples, split, as ids."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tfseq.data.labelled.labelled_texts import split_examples
from tfseq.errors import InputError
from tfseq.report import Report
from tfseq.tasks.labelled.objective import LabelledIds
from tfseq.tasks.labelled.options import LabelledOptions
from tfseq.text import Tokenizer, Vocabulary

SPLITS = ("train", "validation", "test")


class Examples(Protocol):
    """Labelled examples, and what is asked of predictions for them.

    Attributes:
        name: what they are called.
        unit: what an example is, `text` or `sentence`.
        labels: what is told apart, in order.
        vocabulary: the tokens that are known.
        tokenizer: what splits texts; None where the data are tokens.
        notes: what was odd about the file.
        splits: `train`, `validation` and `test`, the numbers of their examples.
        ids: `train`, `validation` and `test`, as ids and targets.
        scores: name of each metric that is compared -> how it is called.
        fingerprint: a digest of the data.
    """

    name: str
    unit: str
    labels: tuple[str, ...]
    vocabulary: Vocabulary
    tokenizer: Tokenizer | None
    notes: Sequence[str]
    splits: dict[str, np.ndarray]
    ids: dict[str, LabelledIds]
    scores: Mapping[str, str]
    fingerprint: str

    def score(self, predictions: np.ndarray, ids: LabelledIds) -> dict[str, float]:
        """The metrics `scores` of predicted labels, one for each target."""

    def more_metrics(self, predictions: np.ndarray) -> dict[str, Any]:
        """What `metrics.json` says besides, of predictions for the test split."""

    def baselines(self) -> dict[str, dict[str, float]]:
        """Name -> `scores` on the test split, of simpler models."""

    def add_to_report(self, report: Report, logits: np.ndarray) -> None:
        """What the model made of some examples of the test split."""


def numbered_splits(num_examples: int, options: LabelledOptions) -> dict[str, np.ndarray]:
    """The numbers of the examples of each split, drawn at random.

    With fewer training examples, those that are left are a part of those that were.
    """
    numbers = split_examples(
        num_examples, options.validation_fraction, options.test_fraction, options.seed
    )
    splits = dict(zip(SPLITS, numbers, strict=True))
    if options.max_train_examples is not None:
        drawn = np.random.default_rng([options.seed, 1]).permutation(splits["train"])
        splits["train"] = np.sort(drawn[: options.max_train_examples])
    return splits


def check_labels(found: set[str], known: Sequence[str], name: str) -> None:
    """Raise InputError where examples have labels that the model does not know."""
    unknown = sorted(found.difference(known))
    if unknown:
        raise InputError(
            f"{name} has labels that the run does not know: {', '.join(map(repr, unknown[:5]))}. "
            f"It knows {', '.join(map(repr, known[:20]))}."
        )
