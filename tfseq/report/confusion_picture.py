"""A confusion matrix as a picture."""

import os
from collections.abc import Sequence

import numpy as np

from tfseq.report.curve import save_figure

#: The picture's name in a run's directory.
CONFUSION_PICTURE = "confusion.png"


def save_confusion_matrix(
    confusion: np.ndarray, labels: Sequence[str], path: str | os.PathLike, title: str = ""
) -> None:
    """Draw a confusion matrix as PNG, each row shaded by its shares, with the counts.

    Args:
        confusion: counts `[K, K]`, rows being labels and columns guesses.
        labels: their names.
        path: the picture's file; written aside and renamed.
        title: what is written above it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = len(labels)
    side = min(2.6 + 0.42 * size, 14)
    figure = Figure(figsize=(side, side), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # More than this many labels leave no room for numbers.
    if size <= 30:
        for i, j in np.argwhere(confusion > 0):
            colour = "white" if shares[i, j] > 0.55 else "#333333"
            axes.text(
                j, i, int(confusion[i, j]), ha="center", va="center", fontsize=7, color=colour
            )
    names = [_short(label) for label in labels]
    if size <= 60:
        axes.set_xticks(range(size), names, rotation=90, fontsize=8, parse_math=False)
        axes.set_yticks(range(size), names, fontsize=8, parse_math=False)
    axes.set_xlabel("guess")
    axes.set_ylabel("label")
    axes.set_title(title, fontsize=10, parse_math=False)
    save_figure(figure, path)


def _short(label: str, length: int = 20) -> str:
    return label if len(label) <= length else label[: length - 1] + "…"
