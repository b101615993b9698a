"""A forecast as a picture: what was known, what was told, what came."""

import os
from collections.abc import Mapping

import numpy as np

from tfseq.report.curve import save_figure

_COLOURS = ("#d1495b", "#1f6fb2", "#9a6700")
_MOST_COLUMNS = 4


def save_forecast_plot(
    values: np.ndarray,
    origin: int,
    forecasts: Mapping[str, np.ndarray],
    columns: tuple[str, ...],
    path: str | os.PathLike,
    title: str = "",
    num_before: int | None = None,
) -> None:
    """Draw forecasts from one step of a series beside what came, a panel a column, as PNG.

    Args:
        values: `[N, C]`, the series.
        origin: the step at which the forecasts begin.
        forecasts: method -> `[H, C]`, at most three, the first in the strongest colour.
        columns: names of the columns; the first four are drawn.
        path: the picture's file; written aside and renamed.
        title: what is written above it.
        num_before: steps shown before the origin; None shows as many as the forecasts have, and
            half as many again.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    horizon = len(next(iter(forecasts.values())))
    if num_before is None:
        num_before = horizon + horizon // 2
    start, end = max(origin - num_before, 0), min(origin + horizon, len(values))
    shown = columns[:_MOST_COLUMNS]
    figure = Figure(figsize=(7.2, 1.1 + 2.4 * len(shown)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for c, (axes, name) in enumerate(zip(all_axes, shown, strict=True)):
        axes.plot(
            range(start, end),
            values[start:end, c],
            color="#555555",
            linewidth=0.9,
            marker=".",
            markersize=3.5,
            label="the series",
        )
        for (method, forecast), colour in zip(forecasts.items(), _COLOURS, strict=False):
            axes.plot(
                range(origin, origin + horizon),
                forecast[:, c],
                color=colour,
                linewidth=2.0 if colour == _COLOURS[0] else 1.3,
                linestyle="-" if colour == _COLOURS[0] else "--",
                label=method,
            )
        axes.axvline(origin - 0.5, color="#888888", linewidth=0.8, linestyle=":")
        axes.set_ylabel(name, parse_math=False)
        axes.grid(True, alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[-1].set_xlabel("step")
    all_axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    all_axes[0].set_title(title, fontsize=10, parse_math=False)
    save_figure(figure, path)
