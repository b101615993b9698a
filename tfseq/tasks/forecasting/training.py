"""A run of a forecaster: a series, a model, simpler forecasts beside it, figures."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfseq.data.series.series import Series, noisy_sine
from tfseq.data.series.series_batches import series_batches
from tfseq.data.series.series_file import read_series
from tfseq.data.series.series_windows import split_series
from tfseq.errors import InputError
from tfseq.models.feed_forward_forecaster import FeedForwardForecaster
from tfseq.models.forecast_baselines import (
    LinearAutoregression,
    naive_forecast,
    seasonal_naive_forecast,
)
from tfseq.models.forecaster import Forecaster
from tfseq.options.saving import normalized, without_places
from tfseq.tasks.forecasting.evaluation import ForecastEvaluation, in_batches
from tfseq.tasks.forecasting.options import FREE_ON_RESUME, ForecastOptions
from tfseq.tasks.forecasting.plot import save_forecast_plot
from tfseq.tasks.forecasting.report import forecast_report
from tfseq.tasks.supervised.supervised_run import SupervisedRun
from tfseq.tasks.supervised.supervised_trainer import SupervisedTask, SupervisedTrainer

_CELL_NAMES = {"rnn": "simple RNN", "gru": "GRU", "lstm": "LSTM"}


class ForecastRun(SupervisedRun):
    """A run that is ready to train: all that can be wrong has been looked at.

    Training minimises the squared error, in units of the training part's standard deviation, of
    each step within the lags told from those before it, and of `feedback_steps` beyond the lags
    told from the model's own forecasts. The best epoch is the one with the least such error over
    the whole horizon in the validation part.

    Attributes:
        series: the `Series`.
        split: the `SeriesSplit`.
        season: steps in a season; None where there is none.
        evaluation: after `fit`, the `ForecastEvaluation` of the test part.

    Args:
        options: the options, checked.
        log: where messages go, one line each.

    Raises:
        InputError: the series or the run directory cannot be used.
    """

    evaluation: ForecastEvaluation

    def __init__(self, options: ForecastOptions, log: Callable[[str], None] = print):
        options = normalized(options)
        self.series = load_series(options)
        self.season = options.season or self.series.season
        self.split = split_series(
            len(self.series),
            options.lags,
            options.horizon,
            options.validation_fraction,
            options.test_fraction,
        )
        self.training = self.series.values[: self.split.train_end]
        _check_training(self.training, self.series.columns, self.season)
        name = f"{self.series.name}_{options.cell}"
        super().__init__(options, name, self._prepare, free=FREE_ON_RESUME, log=log)

    def summary(self) -> str:
        """The series, the model and the place of the run, a line each, and notes on the series."""
        options, split = self.options, self.split
        names = ", ".join(self.series.columns[:6]) + (", ..." if self.num_columns > 6 else "")
        num_test = split.num_steps - split.validation_end
        return (
            f"series {self.series.name} ({names}): {split.train_end:,} steps to train on, "
            f"{split.validation_end - split.train_end:,} to validate, {num_test:,} to test\n"
            f"model  {_CELL_NAMES[options.cell]}, {options.units} units"
            f"{f', {options.num_layers} layers' if options.num_layers > 1 else ''}: "
            f"{self.model.count_params():,} parameters; {options.lags} lags, "
            f"{options.horizon} steps ahead\n"
            f"run    {self.directory.path}\n"
            + "".join(f"note   {note}\n" for note in self.series.notes)
        )

    def result(self) -> str:
        """The figures of all methods, a table for each column."""
        evaluation, lines = self.evaluation, []
        for c, name in enumerate(self.series.columns):
            told = f"{name}: " if self.num_columns > 1 else ""
            lines.append(f"{told}forecasts from {len(evaluation.origins):,} steps of the test part")
            lines.append(evaluation.table(c) + "\n")
        scale = f"one season ({self.season} steps)" if self.season else "one step"
        lines.append(f"MASE: 1 is the naive forecast's error of {scale} in the training part.")
        return "\n".join(lines)

    def draw_forecast(self) -> Path:
        """Draw the forecast from the last step of the test part that has a whole future."""
        evaluation, path = self.evaluation, self.directory.path / "forecast.png"
        save_forecast_plot(
            self.series.values,
            int(evaluation.origins[-1]),
            {m: evaluation.forecasts[m][-1] for m in (self.method, *evaluation.rivals())},
            self.series.columns,
            path,
            title=f"{self.directory.name}: a forecast of {self.options.horizon} steps",
        )
        return path

    def write_report(self, metrics: dict[str, Any]) -> Path:
        """Write `report.html`, after `fit`, and return its path."""
        report = forecast_report(
            self.directory.name,
            self.summary().splitlines()[1].removeprefix("model  "),
            self.method,
            self.evaluation,
            self.series.values,
            self.trainer.progress.history,
            {
                **without_places(self.options),
                **({} if self.options.data else {"data": "built in"}),
                "columns": ", ".join(self.series.columns),
                "season": self.season or "none",
                "feedback_steps": self.options.num_feedback_steps(),
            },
            metrics,
        )
        return self._keep_report(report)

    @property
    def num_columns(self) -> int:
        return len(self.series.columns)

    @property
    def method(self) -> str:
        """How the recurrent model is called among the methods."""
        return _CELL_NAMES[self.options.cell]

    def metadata(self) -> dict[str, Any]:
        """What an export should say of where it comes from: options and figures."""
        metrics = json.loads(self.directory.metrics.read_text(encoding="utf-8"))
        return {
            "run": self.directory.name,
            "columns": list(self.series.columns),
            "options": without_places(self.options),
            "metrics": metrics,
        }

    def _prepare(self, options: ForecastOptions) -> SupervisedTask:
        feedback = options.num_feedback_steps()
        model = Forecaster(
            self.num_columns,
            options.lags,
            cell=options.cell,
            units=options.units,
            num_layers=options.num_layers,
            dropout=options.dropout,
            steps_ahead=feedback,
        )
        model.adapt(self.training)
        forecast = tf.function(
            lambda values: model.forecast(values, options.horizon),
            reduce_retracing=True,
            autograph=False,
        )
        return self._task(
            model,
            forecast,
            num_targets=options.lags - 1 + feedback,
            options=options,
            evaluate=lambda: self._evaluate(forecast),
        )

    def _task(
        self,
        model: keras.Model,
        forecast: Callable[[np.ndarray], np.ndarray],
        num_targets: int,
        options: ForecastOptions,
        evaluate: Callable[[], dict[str, Any]] = dict,
    ) -> SupervisedTask:
        """How a network is trained: the same way for the recurrent one and the other."""
        values, split = self.series.values, self.split
        # Windows of training reach as far ahead as training goes.
        learned = dataclasses.replace(split, horizon=options.num_feedback_steps())
        validation = split.windows(values, "validation") if options.validation_fraction else None

        def loss(targets, outputs):
            return tf.reduce_mean(tf.square((targets - outputs) / model.scale), axis=-1)

        def validate():
            told = in_batches(forecast, validation[:, : options.lags])
            off = (told - validation[:, options.lags :]) / np.asarray(model.scale)
            return {"validation_loss": float(np.mean(np.square(off)))}

        return SupervisedTask(
            model,
            batches=lambda epoch: series_batches(
                values,
                learned.origins("train"),
                learned.lags,
                learned.horizon,
                num_targets,
                options.batch_size,
                options.seed,
                epoch,
            ),
            loss=loss,
            validate=None if validation is None else validate,
            fingerprint=self.series.fingerprint,
            evaluate=evaluate,
        )

    def _evaluate(self, forecast: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
        """Let every method forecast the test part."""
        values, split, horizon = self.series.values, self.split, self.options.horizon
        origins, windows = split.origins("test"), split.windows(values, "test")
        history, targets = windows[:, : split.lags], windows[:, split.lags :]
        methods = {"naive": naive_forecast(values, origins, horizon)}
        if self.season:
            methods["seasonal naive"] = seasonal_naive_forecast(
                values, origins, horizon, self.season
            )
        linear = LinearAutoregression(self.training, split.lags)
        methods[f"linear AR({split.lags})"] = linear.forecast(history, horizon)
        methods["feed-forward network"] = in_batches(self._feed_forward(), history)
        methods[self.method] = in_batches(forecast, history)
        if self.series.signal is not None:
            future = origins[:, np.newaxis] + np.arange(horizon)
            methods["the series without noise"] = self.series.signal[future]
        self.evaluation = ForecastEvaluation(
            origins, targets, methods, self.training, self.series.columns, self.season or 1
        )
        self.draw_forecast()
        return {"season": self.season, "test": self.evaluation.all_figures()}

    def _feed_forward(self) -> Callable[[np.ndarray], np.ndarray]:
        """A network without hidden state, trained on the same windows in the same way."""
        options = self.options
        keras.utils.set_random_seed(options.seed)
        feedback = options.num_feedback_steps()
        model = FeedForwardForecaster(
            self.num_columns, options.lags, 2 * options.units, steps_ahead=feedback
        )
        model.adapt(self.training)
        forecast = tf.function(
            lambda values: model.forecast(values, options.horizon),
            reduce_retracing=True,
            autograph=False,
        )
        trainer = SupervisedTrainer(self._task(model, forecast, feedback, options), options)
        while not trainer.finished:
            for _ in trainer.train_epoch():
                pass
        trainer.use_best_weights()
        return forecast


def load_series(options: ForecastOptions) -> Series:
    """The series that the options name.

    Raises:
        InputError: it cannot be read.
    """
    names = options.column_names()
    if options.data is not None:
        return read_series(options.data, names)
    series = noisy_sine()
    if names not in (None, list(series.columns)):
        raise InputError(
            "`--columns` needs `--data`; the built-in series has the one column 'x'. Received: "
            f"{options.columns!r}."
        )
    return series


def _check_training(training: np.ndarray, columns: tuple[str, ...], season: int | None) -> None:
    """Raise where the training part gives no scale: for the model, or for MASE."""
    level, scale = np.abs(training).max(axis=0), training.std(axis=0)
    for name, high, width in zip(columns, level, scale, strict=True):
        # float32 has seven digits, and nothing below 1e-38.
        if width <= 1e-5 * high or width < 1e-30:
            raise InputError(
                f"`--data`: the column {name!r} changes too little in the training part to be "
                f"forecast: its standard deviation is {width:.3g}, and its size {high:.3g}. Leave "
                "it out with `--columns`, or subtract its level."
            )
    if season is not None and season >= len(training):
        raise InputError(
            f"`--season` must be less than the {len(training):,} steps of the training part. "
            f"Received: {season}."
        )
    if season is not None:
        changes = np.abs(training[season:] - training[:-season]).max(axis=0)
        for name, change in zip(columns, changes, strict=True):
            if change == 0:
                raise InputError(
                    f"`--season` {season}: the column {name!r} repeats itself exactly in the "
                    "training part, which leaves MASE without a scale. Leave `--season` out, or "
                    "the column with `--columns`."
                )
