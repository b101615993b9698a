"""The training curve as a picture."""

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def save_perplexity_curve(
    history: Sequence[Mapping[str, Any]], path: str | os.PathLike, title: str = ""
) -> None:
    """Draw training and validation perplexity against epochs, on a logarithmic axis, as PNG.

    Args:
        history: rows with `epoch`, `train_perplexity` and, where there was validation,
            `validation_perplexity`. Infinite figures are left out.
        path: the picture's file; written aside and renamed.
        title: what is written above it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

    figure = Figure(figsize=(6.4, 4.0), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    marker = "o" if len(history) <= 40 else ""
    for key, label, colour in (
        ("train_perplexity", "training", "#1f6fb2"),
        ("validation_perplexity", "validation", "#d1495b"),
    ):
        points = [
            (row["epoch"], row[key])
            for row in history
            if row.get(key) is not None and math.isfinite(row[key])
        ]
        if not points:
            continue
        epochs, values = zip(*points, strict=True)
        axes.plot(epochs, values, label=label, color=colour, marker=marker, markersize=3.5)
        best = min(values) if key == "validation_perplexity" else values[-1]
        axes.annotate(
            f"{best:.2f}",
            (epochs[values.index(best)], best),
            textcoords="offset points",
            xytext=(0, -13),
            ha="center",
            fontsize=8,
            color=colour,
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter() if _narrow(axes) else NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.12)
    axes.set_xlabel("epoch")
    axes.set_ylabel("perplexity per token")
    axes.grid(True, which="both", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False)
    axes.set_title(title, fontsize=10, parse_math=False)
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with warnings.catch_warnings():
            # A title in a script that the font lacks is drawn as boxes, and that is all.
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(aside, format="png")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _narrow(axes) -> bool:
    """The curve spans less than two decades, so that the minor ticks want numbers."""
    low, high = axes.get_ylim()
    return high / low < 30
