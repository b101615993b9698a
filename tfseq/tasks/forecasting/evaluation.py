"""Forecasts from every step of the test split, and how far each method is off."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfseq.cluster.where import Where
from tfseq.metrics.forecasting import rmse
from tfseq.report.aligned import aligned
from tfseq.report.format import shown_alike
from tfseq.tasks.prediction.spread import in_order, spread

# Histories that a worker is given at once.
_HISTORIES_A_PART = 4096


@dataclasses.dataclass(frozen=True)
class ForecastEvaluation:
    """Forecasts of several methods for the same steps.

    Attributes:
        origins: int `[W]`, the steps at which the forecasts begin.
        targets: `[W, H, C]`, what came.
        forecasts: method -> `[W, H, C]`.
        mase_scale: `[C]`, the scale of MASE, from the training split; None where it is not known.
        columns: names of the columns.
        season: the season length; None where there is none.
    """

    origins: np.ndarray
    targets: np.ndarray
    forecasts: dict[str, np.ndarray]
    mase_scale: np.ndarray | None
    columns: Sequence[str]
    season: int | None

    def metrics(self, method: str, column: int) -> dict[str, float]:
        """RMSE one step ahead, at the horizon, and over all steps; MASE over all steps."""
        targets, forecasts = self.targets[..., column], self.forecasts[method][..., column]
        scale = np.nan if self.mase_scale is None else self.mase_scale[column]
        return {
            "rmse_one_step": float(rmse(targets[:, 0], forecasts[:, 0])),
            "rmse_horizon": float(rmse(targets[:, -1], forecasts[:, -1])),
            "rmse": float(rmse(targets, forecasts)),
            "mase": float(np.mean(np.abs(targets - forecasts)) / scale),
        }

    def all_metrics(self) -> dict[str, dict[str, dict[str, float]]]:
        """Column -> method -> metrics."""
        return {
            name: {method: self.metrics(method, c) for method in self.forecasts}
            for c, name in enumerate(self.columns)
        }

    def rmse_by_step(self, method: str, column: int) -> np.ndarray:
        """RMSE of each step ahead, `[H]`."""
        targets, forecasts = self.targets[..., column], self.forecasts[method][..., column]
        return rmse(targets, forecasts, axis=0)

    def shown(self) -> list[str]:
        """The two methods that a picture shows beside the model: a season's and a line's."""
        simple = "seasonal naive" if "seasonal naive" in self.forecasts else "naive"
        return [simple, next(m for m in self.forecasts if m.startswith("linear"))]

    def table(self, column: int) -> str:
        """The metrics of a column as lines of text, a method each."""
        horizon = self.targets.shape[1]
        heads = ["RMSE, step 1", f"step {horizon}", f"steps 1 to {horizon}", "MASE"]
        rows = [self.metrics(method, column).values() for method in self.forecasts]
        rows = zip(*map(shown_alike, zip(*rows, strict=True)), strict=True)
        rows = ([name, *row] for name, row in zip(self.forecasts, rows, strict=True))
        return aligned([["", *heads], *rows], least=8)


def forecasts(task: Any, history: np.ndarray, where: Where) -> np.ndarray:
    """What a `ForecastingTask` forecasts from histories `[W, τ, C]`; workers share them."""
    if where.cluster is None:
        return in_batches(task.forecast, history)
    starts = range(0, len(history), _HISTORIES_A_PART)
    values = ((np.asarray(history[i : i + _HISTORIES_A_PART], "float32"),) for i in starts)
    with spread(task, where) as doers:
        return np.concatenate(in_order(doers, _forecasts_of_part, values))


def _forecasts_of_part(task: Any, history: np.ndarray) -> np.ndarray:
    return in_batches(task.forecast, history)


def in_batches(
    forecast: Callable[[np.ndarray], np.ndarray], history: np.ndarray, batch_size: int = 256
) -> np.ndarray:
    """`forecast(history)` for histories `[W, τ, C]`, some at a time."""
    parts = [
        np.asarray(forecast(np.asarray(history[i : i + batch_size], "float32")))
        for i in range(0, len(history), batch_size)
    ]
    return np.concatenate(parts)
