"""The training curves as a picture."""

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfseq.files.atomic_file import atomic_file


@dataclass(frozen=True)
class Panel:
    """One figure of training, and the same figure of validation, against epochs.

    Attributes:
        label: what the figure is.
        train: its key in a row of history, or None.
        validation: the key of the same figure of validation, or None.
        logarithmic: whether the axis is.
        best: `min` or `max`: which of the validation figures is written beside its point.
        form: how it is written.
    """

    label: str
    train: str | None
    validation: str | None
    logarithmic: bool = False
    best: Callable[[Sequence[float]], float] = min
    form: str = "{:.3f}"


_PERPLEXITY = Panel(
    "perplexity per token",
    "train_perplexity",
    "validation_perplexity",
    logarithmic=True,
    form="{:.2f}",
)


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
    save_curves(history, path, [_PERPLEXITY], title)


def save_curves(
    history: Sequence[Mapping[str, Any]],
    path: str | os.PathLike,
    panels: Sequence[Panel],
    title: str = "",
) -> None:
    """Draw figures of history against epochs, a panel each, side by side, as PNG.

    Args:
        history: rows with `epoch` and the panels' keys. What is not there or infinite is left
            out.
        path: the picture's file; written aside and renamed.
        panels: what is drawn.
        title: what is written above it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = 6.4 if len(panels) == 1 else 4.6 * len(panels)
    figure = Figure(figsize=(width, 4.0), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    for place, panel in enumerate(panels, start=1):
        _draw(figure.add_subplot(1, len(panels), place), history, panel)
    if len(panels) == 1:
        figure.axes[0].set_title(title, fontsize=10, parse_math=False)
    else:
        figure.suptitle(title, fontsize=10, parse_math=False)
    save_figure(figure, path)


def save_figure(figure: Any, path: str | os.PathLike) -> None:
    """Write a Matplotlib figure as PNG, aside, and rename it into place."""
    with atomic_file(path) as aside, warnings.catch_warnings():
        # A title in a script that the font lacks is drawn as boxes, and that is all.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(aside, format="png")


def _draw(axes: Any, history: Sequence[Mapping[str, Any]], panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

    marker = "o" if len(history) <= 40 else ""
    curves = {
        key: {
            row["epoch"]: row[key]
            for row in history
            if row.get(key) is not None and math.isfinite(row[key])
        }
        for key in (panel.train, panel.validation)
    }
    for key, other, label, colour in (
        (panel.train, panel.validation, "training", "#1f6fb2"),
        (panel.validation, panel.train, "validation", "#d1495b"),
    ):
        if not curves[key]:
            continue
        epochs, values = list(curves[key]), list(curves[key].values())
        axes.plot(epochs, values, label=label, color=colour, marker=marker, markersize=3.5)
        best = panel.best(values) if key == panel.validation else values[-1]
        epoch = epochs[values.index(best)]
        # On the side of its line where the other line is not.
        above = best > curves[other].get(epoch, -math.inf)
        axes.annotate(
            panel.form.format(best),
            (epoch, best),
            textcoords="offset points",
            xytext=(0, 6 if above else -13),
            ha="center",
            fontsize=8,
            color=colour,
        )
    if panel.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(ScalarFormatter() if _narrow(axes) else NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.12)
    axes.set_xlabel("epoch")
    axes.set_ylabel(panel.label)
    axes.grid(True, which="both", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False)


def _narrow(axes) -> bool:
    """The curve spans less than two decades, so that the minor ticks want numbers."""
    low, high = axes.get_ylim()
    return high / low < 30
