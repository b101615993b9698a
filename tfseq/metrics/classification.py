"""How well labels are predicted: accuracy, F1, confusion."""

from collections.abc import Sequence

import numpy as np


def confusion_matrix(
    labels: Sequence[int] | np.ndarray, predictions: Sequence[int] | np.ndarray, num_labels: int
) -> np.ndarray:
    """Counts int64 `[K, K]`: in row i and column j, examples of label i predicted as label j.

    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 2], 3).tolist()
    [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    """
    pairs = np.asarray(labels, "int64") * num_labels + np.asarray(predictions, "int64")
    return np.bincount(pairs, minlength=num_labels**2).reshape(num_labels, num_labels)


def accuracy(confusion: np.ndarray) -> float:
    """The share of examples whose prediction is their label; 0 without examples.

    >>> accuracy(np.array([[3, 1], [0, 4]]))
    0.875
    """
    return float(np.trace(confusion) / max(confusion.sum(), 1))


def f1_scores(confusion: np.ndarray) -> np.ndarray:
    """F1 of each label, float64 `[K]`: 2 TP / (2 TP + FP + FN); 0 where that is 0 / 0.

    >>> f1_scores(np.array([[3, 1], [0, 4]])).round(4).tolist()
    [0.8571, 0.8889]
    """
    hits = np.diag(confusion)
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    return 2 * hits / np.maximum(total, 1)


def macro_f1(confusion: np.ndarray) -> float:
    """The mean F1 of the labels that occur, as a label or as a prediction; 0 where none does.

    >>> macro_f1(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])).__round__(4)
    0.873
    """
    occurs = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    return float(f1_scores(confusion)[occurs].mean()) if occurs.any() else 0.0
