"""Pictures of gradients through time."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tfseq.cells.table import KINDS

_BLUE, _RED, _GREY = "#1f6fb2", "#c8442b", "#8a8f98"
_HIGHEST = 1e250  # An axis needs room above what is drawn.
_TITLES = {kind.name: f"{kind.title}, s = {kind.state}" for kind in KINDS}


def draw_cells(figures: dict[str, Any]) -> Figure:
    """The cells side by side, at the start and trained: loss above, states below."""
    figure = _figure(10.5, 6.4)
    cells = figures["cells"]
    grid = figure.subplots(2, len(cells), sharex=True, sharey="row")
    for column, (cell, stages) in enumerate(cells.items()):
        for row, key in enumerate(("loss", "states")):
            axes = grid[row, column]
            for stage, label, colour in (
                ("start", "at the start", _GREY),
                ("trained", "after training", _RED),
            ):
                layers = stages[stage][key] if stages[stage] else []
                for number, norms in enumerate(layers):
                    # The top layer is drawn in full, those below it ever lighter.
                    strength = (number + 1) / len(layers)
                    name = label if number == len(layers) - 1 else None
                    axes.plot(_positive(norms), color=colour, alpha=strength, label=name)
            _finish(axes, logarithmic=True)
        grid[0, column].set_title(_TITLES[cell], fontsize=11)
        grid[1, column].set_xlabel("steps back, $T - t$")
    grid[0, 0].set_ylabel(r"$\|\partial L_T / \partial s_t\|$")
    grid[1, 0].set_ylabel(r"$\|\partial s_T / \partial s_t\|$, " + _short(figures["norm"]))
    grid[0, 0].legend(frameon=False, loc="lower left")
    return figure


def draw_radii(figures: dict[str, Any]) -> Figure:
    """Products of Jacobians by spectral radius, beside those of a linear network."""
    figure = _figure(7.2, 4.6)
    axes = figure.subplots()
    found = figures["radii"]
    for number, (radius, values) in enumerate(found.items()):
        colour = colormaps["plasma"](0.85 * number / max(1, len(found) - 1))
        norms = _positive(values["states"][0])
        axes.plot(norms, color=colour, linewidth=1.8)
        axes.annotate(
            rf"$\rho$ = {float(radius):g}",
            (len(norms) - 1, norms[-1]),
            textcoords="offset points",
            xytext=(6, -3),
            color=colour,
            fontsize=9,
            annotation_clip=False,
        )
        steps = np.arange(len(norms))
        with np.errstate(over="ignore"):
            linear = float(radius) ** steps
        axes.plot(_positive(linear), color=colour, linewidth=0.9, linestyle=(0, (1, 2)))
    _finish(axes, logarithmic=True)
    axes.set_xlabel("steps back, $T - t$")
    axes.set_ylabel(r"$\|\partial h_T / \partial h_t\|$, " + _short(figures["norm"]))
    axes.set_title(
        r"Simple RNN at the start, by the spectral radius $\rho$ of $W_{hh}$"
        "\n" + r"(dotted: $\rho^{T - t}$, a linear network)",
        fontsize=10,
    )
    return figure


def draw_clipping(figures: dict[str, Any], clip_norm: float) -> Figure:
    """Norms before and after clipping, norms and losses with and without it, by step."""
    figure = _figure(12.0, 3.7)
    both, norms, losses = figure.subplots(1, 3)
    clipped, unclipped = (figures["clipping"][name] for name in ("clipped", "unclipped"))
    for axes, label, lines in (
        (
            both,
            f"norm of the gradient, clipped to {clip_norm:g}",
            [
                (clipped["norm_before"], "before clipping", _BLUE),
                (clipped["norm_after"], "after clipping", _RED),
            ],
        ),
        (
            norms,
            "norm of the gradient, before clipping",
            [
                (unclipped["norm_before"], "without clipping", _GREY),
                (clipped["norm_before"], "with clipping", _BLUE),
            ],
        ),
        (
            losses,
            "loss in nats per character",
            [
                (unclipped["losses"], "without clipping", _GREY),
                (clipped["losses"], "with clipping", _BLUE),
            ],
        ),
    ):
        for values, name, colour in lines:
            steps = range(1, len(values) + 1)
            values = _positive(values) if axes is norms else values
            axes.plot(steps, values, color=colour, label=name, linewidth=1.2)
        _finish(axes, logarithmic=axes is norms)
        axes.set_xlabel("step")
        axes.set_title(label, fontsize=10)
        axes.legend(frameon=False, fontsize=9)
    both.set_ylim(bottom=0)
    losses.set_ylim(bottom=0)
    return figure


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _finish(axes: Any, logarithmic: bool) -> None:
    if logarithmic:
        axes.set_yscale("log")
    axes.grid(True, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _positive(values: list[float]) -> np.ndarray:
    """Zero has no place on a logarithmic axis, nor has what ends it."""
    array = np.asarray(values, "float64")
    return np.where((array > 0) & (array < _HIGHEST), array, np.nan)


def _short(norm: str) -> str:
    return {"spectral": "spectral norm", "frobenius": "Frobenius norm"}[norm]
