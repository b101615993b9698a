"""A forecast as a chart: what was known, what was forecast, what came."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfseq.report.figures import Chart, chart_figure, save_figure

_MOST_COLUMNS = 4


def forecast_chart(
    values: np.ndarray, origin: int, forecasts: Mapping[str, np.ndarray], column: str
) -> Chart:
    """Forecasts of one column from one step of its series, beside what came.

    Args:
        values: `[N]`, the column.
        origin: the step at which the forecasts begin; half as many steps again stand before it.
        forecasts: method -> `[H]`, at most five; the first is drawn in full, the others dashed.
        column: the column's name.

    >>> chart = forecast_chart(np.arange(9), 6, {"model": np.ones(2), "naive": np.zeros(2)}, "y")
    >>> chart.lines["series"][0], chart.lines["model"], chart.references
    ((3, 3), [(6, 1.0), (7, 1.0)], {'naive': [(6, 0.0), (7, 0.0)]})
    """
    (method, own), *baselines = forecasts.items()
    start = max(origin - len(own) - len(own) // 2, 0)
    return Chart(
        {
            "series": [*enumerate(values[start : origin + len(own)].tolist(), start)],
            method: [*enumerate(own.tolist(), origin)],
        },
        "step",
        column,
        references={name: [*enumerate(forecast.tolist(), origin)] for name, forecast in baselines},
        marks={"now": origin - 0.5},
    )


def save_forecast_plot(
    values: np.ndarray,
    origin: int,
    forecasts: Mapping[str, np.ndarray],
    columns: Sequence[str],
    path: str | os.PathLike,
    title: str = "",
) -> None:
    """Draw the `forecast_chart` of each of the first four columns, one below the other, as PNG.

    Args:
        values: `[N, C]`, the series.
        origin: the step at which the forecasts begin.
        forecasts: method -> `[H, C]`.
        columns: names of the columns.
        path: the picture's file; written aside and renamed.
        title: what is written above it.
    """
    charts = [
        forecast_chart(values[:, c], origin, {m: f[:, c] for m, f in forecasts.items()}, name)
        for c, name in enumerate(columns[:_MOST_COLUMNS])
    ]
    save_figure(chart_figure(charts, title, columns=1), path)
