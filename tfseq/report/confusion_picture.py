"""A confusion matrix as a picture."""

import os
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tfseq.report.figures import STYLE, save_figure
from tfseq.report.format import clipped


@matplotlib.rc_context({**STYLE, "axes.grid": False, "font.size": 11})
def save_confusion_matrix(
    confusion: np.ndarray, labels: Sequence[str], path: str | os.PathLike, title: str = ""
) -> None:
    """Draw a confusion matrix as PNG, each row shaded by its shares, with the counts.

    `confusion` is counts `[K, K]`, rows being labels and columns predictions. The file is written
    aside and renamed.
    """
    size = len(labels)
    side = min(3.6 + 0.48 * size, 16)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # More than this many labels leave no room for numbers.
    if size <= 30:
        for i, j in np.argwhere(confusion > 0):
            colour = "white" if shares[i, j] > 0.55 else None
            axes.text(j, i, int(confusion[i, j]), ha="center", va="center", color=colour)
    names = [clipped(label, 20) for label in labels]
    places = range(size) if size <= 60 else []
    axes.set_xticks(places, names[: len(places)], rotation=90)
    axes.set_yticks(places, names[: len(places)])
    axes.tick_params(length=0)
    axes.set(xlabel="prediction", ylabel="label")
    figure.suptitle(clipped(title, 90))
    save_figure(figure, path)
