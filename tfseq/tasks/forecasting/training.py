"""Training of a forecaster: a series, a model, simpler forecasts beside it, metrics."""

import dataclasses
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.data.series.series import Series
from tfseq.data.series.series_batches import series_batches
from tfseq.data.series.series_windows import SeriesSplit
from tfseq.errors import InputError
from tfseq.files.atomic_file import write_atomically
from tfseq.metrics.forecasting import mase_scale
from tfseq.models.feed_forward_forecaster import FeedForwardForecaster
from tfseq.models.forecast_baselines import (
    LinearAutoregression,
    naive_forecast,
    seasonal_naive_forecast,
)
from tfseq.options.model.layer_sizes import layer_sizes, shape_in_words, with_layers_agreed
from tfseq.report import Report
from tfseq.report.curve import Panel, save_curves
from tfseq.runs.objective import Objective, weighted_loss
from tfseq.runs.open_run import as_saved, open_run
from tfseq.runs.training_run import TrainingRun
from tfseq.tasks.fit_quietly import fit_quietly
from tfseq.tasks.forecasting.evaluation import ForecastEvaluation, in_batches
from tfseq.tasks.forecasting.options import ForecastingOptions
from tfseq.tasks.forecasting.plot import save_forecast_plot
from tfseq.tasks.forecasting.task import (
    SERIES_FILE,
    ForecastingTask,
    build_model,
    load_series,
    series_file,
    split_of,
    windows_of_test,
)
from tfseq.tasks.task import short_name


def prepare(
    options: ForecastingOptions, log: Callable[[str], None] = print
) -> "ForecasterTraining":
    """Read the series, split it in order of time, and take the model's scale from the training.

    Raises:
        InputError: the series or the run directory cannot be used.
    """
    options = with_layers_agreed(options)
    series = load_series(options)
    season = options.season or series.season
    split = split_of(series, options)
    training = series.values[: split.train_end]
    _check_training(training, series.columns, season)
    directory = open_run(options, f"{series.name}_{short_name(options.cell)}")
    model = build_model(options, len(series.columns))
    model.adapt(training)
    saved = as_saved(options, directory.path)
    task = ForecastingTask(directory, saved, model, labels=series.columns)
    task.season, task.mase_scale = season, mase_scale(training, season)
    num_targets = options.lookback - 1 + options.num_feedback_steps()
    run = TrainingRun(
        options,
        directory,
        forecaster_objective(model, task.forecast, series, split, options, num_targets),
        fingerprint=series.fingerprint,
        files={SERIES_FILE: series_file(series.columns, season, task.mase_scale)},
        draw=lambda history: save_curves(
            history,
            directory.curves,
            [Panel("loss", "train_loss", "validation_loss")],
            title=directory.name,
        ),
        log=log,
    )
    return ForecasterTraining(run, task, series, split)


def forecaster_objective(
    model: keras.Model,
    forecast: Callable[[np.ndarray], np.ndarray],
    series: Series,
    split: SeriesSplit,
    options: ForecastingOptions,
    num_targets: int,
) -> Objective:
    """How a network learns to forecast: the same way for the recurrent one and the other.

    The squared error, in units of the training split's standard deviation, of each step within
    the lookback, predicted from those before it, and of `feedback_steps` beyond it, predicted from
    the model's own forecasts. The best epoch is the one with the least such error over the whole
    horizon in the validation split.

    Args:
        model: the network, with its `scale`.
        forecast: histories `[B, τ, C]` -> `[B, H, C]`.
        series, split, options: what it learns from.
        num_targets: steps of a window that the loss is over, its last ones.
    """
    # Windows of training reach as far ahead as training goes.
    learned = dataclasses.replace(split, horizon=options.num_feedback_steps())
    batches = (learned.origins("train"), learned.lookback, learned.horizon, num_targets)
    windows = split.windows(series.values, "validation") if options.validation_fraction else None

    def squared_error(targets, outputs):
        return tf.reduce_mean(tf.square((targets - outputs) / model.scale), axis=-1)

    def validate() -> dict[str, float]:
        predicted = in_batches(forecast, windows[:, : options.lookback])
        off = (predicted - windows[:, options.lookback :]) / np.asarray(model.scale)
        return {"validation_loss": float(np.mean(np.square(off)))}

    return Objective(
        model,
        lambda epoch, start_batch: series_batches(
            series.values, *batches, options.batch_size, options.seed, epoch
        ).skip(start_batch),
        weighted_loss(model, squared_error),
        validate=None if windows is None else validate,
        independent_rows=True,
    )


@dataclasses.dataclass
class ForecasterTraining:
    """A forecaster that is ready to train: all that can be wrong has been looked at.

    Attributes:
        run: the `TrainingRun`.
        task: the `ForecastingTask`, whose model it trains.
        series: the `Series`.
        split: the `SeriesSplit`.
        evaluation: after `evaluate`, the `ForecastEvaluation` of the test split.
    """

    run: TrainingRun
    task: ForecastingTask
    series: Series
    split: SeriesSplit
    evaluation: ForecastEvaluation | None = None

    def summary(self) -> str:
        """The series, the model and the place of the run, a line each, and notes on the series."""
        split, columns = self.split, self.series.columns
        names = ", ".join(columns[:6]) + (", ..." if len(columns) > 6 else "")
        return (
            f"series {self.series.name} ({names}): {split.train_end:,} steps to train on, "
            f"{split.validation_end - split.train_end:,} to validate, "
            f"{split.num_steps - split.validation_end:,} to test\n"
            f"model  {self.describe_model()}\n"
            f"run    {self.run.directory.path}\n"
            + "".join(f"note   {note}\n" for note in self.series.notes)
        )

    def describe_model(self) -> str:
        """The model in a line."""
        options = self.run.options
        return (
            f"{self.task.method}, {shape_in_words(options)}: "
            f"{self.run.model.count_params():,} parameters; lookback {options.lookback}, "
            f"{options.horizon} steps ahead"
        )

    def evaluate(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """Let every method forecast the test split."""
        task, lookback = self.task, self.split.lookback
        origins, windows = windows_of_test(self.series, self.split)
        # Forecasts of simpler methods do not change with the model: a report need not train again.
        path = task.run.path / "baselines.npz"
        methods = (saved and _read_arrays(path)) or self._baselines(origins, windows[:, :lookback])
        _write_arrays(path, methods)
        signal = methods.pop("the series without noise", None)
        methods[task.method] = in_batches(task.forecast, windows[:, :lookback])
        if signal is not None:
            methods["the series without noise"] = signal
        self.evaluation = ForecastEvaluation(
            origins,
            windows[:, lookback:],
            methods,
            task.mase_scale,
            self.series.columns,
            task.season,
        )
        self.draw_forecast()
        return {"season": task.season, "test": self.evaluation.all_metrics()}

    def result(self, metrics: Mapping[str, Any]) -> str:
        """The metrics of all methods, a table for each column."""
        evaluation, lines = self.evaluation, []
        for c, name in enumerate(evaluation.columns):
            head = f"{name}: " if len(evaluation.columns) > 1 else ""
            head += f"forecasts from {len(evaluation.origins):,} steps of the test split"
            lines += [head, evaluation.table(c), ""]
        season = self.task.season
        scale = f"one season ({season} steps)" if season else "one step"
        lines.append(f"MASE: 1 is the naive forecast's error of {scale} in the training split.")
        return "\n".join(lines)

    def draw_forecast(self) -> Path:
        """Draw the forecast from the last step of the test split that has a whole future."""
        evaluation, directory = self.evaluation, self.run.directory
        path = directory.path / "forecast.png"
        save_forecast_plot(
            self.series.values,
            int(evaluation.origins[-1]),
            {m: evaluation.forecasts[m][-1] for m in (self.task.method, *evaluation.shown())},
            self.series.columns,
            path,
            title=f"{directory.name}: a forecast of {self.run.options.horizon} steps",
        )
        return path

    def report(self, metrics: Mapping[str, Any]) -> Report:
        """The page of the finished run."""
        from tfseq.tasks.forecasting.report import forecast_report

        return forecast_report(self, metrics)

    def _baselines(self, origins: np.ndarray, history: np.ndarray) -> dict[str, np.ndarray]:
        """Method -> forecasts of the test split; last the series without noise, where known."""
        series, horizon, season = self.series, self.split.horizon, self.task.season
        methods = {"naive": naive_forecast(series.values, origins, horizon)}
        if season:
            methods["seasonal naive"] = seasonal_naive_forecast(
                series.values, origins, horizon, season
            )
        linear = LinearAutoregression(series.values[: self.split.train_end], self.split.lookback)
        methods[f"linear AR({self.split.lookback})"] = linear.forecast(history, horizon)
        methods["feed-forward network"] = in_batches(self._feed_forward(), history)
        if series.signal is not None:
            future = origins[:, np.newaxis] + np.arange(horizon)
            methods["the series without noise"] = series.signal[future]
        return methods

    def _feed_forward(self) -> Callable[[np.ndarray], np.ndarray]:
        """A network without hidden state, trained on the same windows in the same way."""
        options, split = self.run.options, self.split
        keras.utils.set_random_seed(options.seed)
        feedback, widest = options.num_feedback_steps(), max(layer_sizes(options.units))
        model = FeedForwardForecaster(
            len(self.series.columns), options.lookback, 2 * widest, steps_ahead=feedback
        )
        model.adapt(self.series.values[: split.train_end])
        forecast = tf.function(
            lambda values: model.forecast(values, options.horizon),
            reduce_retracing=True,
            autograph=False,
        )
        fit_quietly(
            forecaster_objective(model, forecast, self.series, split, options, feedback), options
        )
        return forecast


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def _read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile):
        return None


def _check_training(training: np.ndarray, columns: tuple[str, ...], season: int | None) -> None:
    """Raise where the training split gives no scale: for the model, or for MASE."""
    level, scale = np.abs(training).max(axis=0), training.std(axis=0)
    for name, high, width in zip(columns, level, scale, strict=True):
        # float32 has seven digits, and nothing below 1e-38.
        if width <= 1e-5 * high or width < 1e-30:
            raise InputError(
                f"`data`: the column {name!r} changes too little in the training split to be "
                f"forecast: its standard deviation is {width:.3g}, and its size {high:.3g}. Leave "
                "it out with `columns`, or subtract its level."
            )
    if season is None:
        return
    if season >= len(training):
        raise InputError(
            f"`season` must be less than the {len(training):,} steps of the training split. "
            f"Received: {season}."
        )
    for name, change in zip(columns, mase_scale(training, season), strict=True):
        if change == 0:
            raise InputError(
                f"`season` {season}: the column {name!r} repeats itself exactly in the training "
                "split, which leaves MASE without a scale. Leave `season` out, or the column with "
                "`columns`."
            )
