"""A trained forecaster, with the columns of its series."""

import json
import os
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.cluster.where import HERE, Where
from tfseq.data.series.series import Series, noisy_sine
from tfseq.data.series.series_file import read_series
from tfseq.data.series.series_windows import SeriesSplit, split_series
from tfseq.errors import InputError
from tfseq.models import Forecaster
from tfseq.options.rules import PositiveInt, has_type
from tfseq.report.aligned import aligned
from tfseq.runs.run_directory import RunDirectory, is_list_of_names
from tfseq.serving import ForecasterSettings, export_forecaster
from tfseq.tasks.forecasting.evaluation import ForecastEvaluation, forecasts
from tfseq.tasks.forecasting.options import ForecastingOptions
from tfseq.tasks.task import Task, cell_words, checked_argument

SERIES_FILE = "series.json"


class ForecastingTask(Task):
    """A forecaster to go on from values with; see `Task`. `labels` are its columns.

    Attributes:
        season: the season length; None where there is none.
        mase_scale: `[C]`, the naive forecast's mean absolute error in the training split.

    Example:

    >>> import tempfile, tfseq
    >>> with tempfile.TemporaryDirectory() as place:
    ...     options = tfseq.ForecastingOptions(
    ...         run_dir=f"{place}/sine", epochs=1, units=4, export=False, verbose="quiet"
    ...     )
    ...     task = tfseq.train(options, log=lambda line: None)
    >>> task.labels, task.predict([0.0, 0.3, 0.6], horizon=2).shape
    (('x',), (2, 1))
    >>> task.predict(np.zeros([5, 3, 1])).shape
    (5, 40, 1)
    """

    options_type = ForecastingOptions
    settings_type = ForecasterSettings
    input_field = "values"
    options: ForecastingOptions
    model: Forecaster
    labels: Sequence[str]
    season: int | None = None
    mase_scale: np.ndarray | None = None

    @classmethod
    def build(cls, run: RunDirectory, options: ForecastingOptions) -> "ForecastingTask":
        series = _read_series_file(run)
        columns = series["columns"]
        task = cls(run, options, build_model(options, len(columns)), labels=tuple(columns))
        task.season, task.mase_scale = series["season"], series["mase_scale"]
        return task

    @property
    def method(self) -> str:
        """How the model is called among the methods."""
        return cell_words(self.options.cell)

    def predict(self, values: Any, horizon: int | None = None) -> np.ndarray:
        """Go on from the end of values, as the export does; the class has an example.

        Args:
            values: `[T]` for a series of one column, `[T, C]`, or `[B, T, C]`, the newest last.
                NaN stands for a missing value.
            horizon: steps ahead; None takes that of the options.

        Returns:
            float32 `[H, C]`, or `[B, H, C]`, in the series' own units.

        Raises:
            InputError: the values are no numbers or have another number of columns, or the horizon
                is not positive.
        """
        num_columns = len(self.labels)
        allowed = f"[T, C] or [B, T, C] with C = {num_columns}: {', '.join(self.labels)}"
        try:
            values = np.asarray(values, "float32")
        except (TypeError, ValueError):
            raise InputError(
                f"`values` must be numbers {allowed}. Received: {reprlib.repr(values)}."
            ) from None
        shape, one = values.shape, values.ndim < 3
        if values.ndim == 1 and num_columns == 1:
            values = values[:, np.newaxis]
        if one:
            values = values[np.newaxis]
        if values.ndim != 3 or values.shape[-1] != num_columns or not values.shape[1]:
            raise InputError(f"`values` must be {allowed}. Received: the shape {shape}.")
        if horizon is None:
            horizon = self.options.horizon
        horizon = checked_argument("horizon", horizon, PositiveInt)
        counts = np.full(len(values), values.shape[1], "int32")
        forecast = self.model.forecast(tf.constant(values), horizon, tf.constant(counts))
        return forecast.numpy()[0] if one else forecast.numpy()

    def predict_rows(
        self, inputs: Sequence[Any], first_row: int = 0, horizon: int | None = None
    ) -> list[dict[str, Any]]:
        """For each list of values `[T, C]`, or `[T]` of one column, `forecast`: column -> `[H]`.

        None stands for a missing value. Series of one length are gone on from at once.
        """
        if horizon is not None:
            checked_argument("horizon", horizon, PositiveInt)
        numbers = [_numbers(values, len(self.labels)) for values in inputs]
        rows: list[dict[str, Any]] = [{}] * len(numbers)
        for shape in {values.shape for values in numbers}:
            places = [place for place, values in enumerate(numbers) if values.shape == shape]
            found = self.predict(np.stack([numbers[place] for place in places]), horizon)
            for place, forecast in zip(places, found, strict=True):
                columns = zip(self.labels, forecast.T.tolist(), strict=True)
                rows[place] = {"forecast": dict(columns)}
        return rows

    def evaluate(
        self, path: str | os.PathLike | None = None, where: Where = HERE
    ) -> dict[str, Any]:
        """Forecast from every step, and compare with what came.

        Args:
            path: a CSV file with the run's columns, all of it; None takes the test split of the
                run's own series.
            where: see `Where`; workers share the steps.

        Returns:
            column -> `rmse_one_step`, `rmse_horizon`, `rmse`, `mase`.

        Raises:
            InputError: the series cannot be read or is too short, or is the run's own and has
                changed since.
        """
        where.check()
        options = self.options
        if path is None:
            series = load_series(options)
            self.run.check_fingerprint(series.fingerprint, "the data")
            origins, windows = windows_of_test(series, split_of(series, options))
        else:
            series = read_series(path, list(self.labels))
            least = options.lookback + options.horizon
            if len(series) < least:
                raise InputError(
                    f"{path} must have at least {least} steps, `lookback` and `horizon`. Received: "
                    f"{len(series)}."
                )
            whole = SeriesSplit(len(series), 0, 0, options.lookback, options.horizon)
            origins, windows = windows_of_test(series, whole)
        evaluation = ForecastEvaluation(
            origins,
            windows[:, options.lookback :],
            {self.method: forecasts(self, windows[:, : options.lookback], where)},
            self.mase_scale,
            self.labels,
            self.season,
        )
        return {name: of[self.method] for name, of in evaluation.all_metrics().items()}

    def describe(self, evaluation: Mapping[str, Any]) -> str:
        heads = ["RMSE, step 1", f"step {self.options.horizon}", "all steps", "MASE"]
        rows = ([name, *(f"{v:.4g}" for v in of.values())] for name, of in evaluation.items())
        return aligned([["", *heads], *rows], least=12)

    def forecast(self, history: np.ndarray) -> np.ndarray:
        """`horizon` steps from histories `[B, τ, C]`; traced once for each number of rows."""
        if not hasattr(self, "_forecast"):
            self._forecast = tf.function(
                lambda values: self.model.forecast(values, self.options.horizon),
                reduce_retracing=True,
                autograph=False,
            )
        return self._forecast(history)

    def usual_settings(self) -> dict[str, Any]:
        return {"max_horizon": self.options.horizon}

    def write_export(self, directory: str | os.PathLike, **more: Any) -> Path:
        return export_forecaster(self.model, directory, columns=self.labels, **more)


def load_series(options: ForecastingOptions) -> Series:
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
            "`columns` needs `data`; the built-in series has the one column 'x'. Received: "
            f"{options.columns!r}."
        )
    return series


def split_of(series: Series, options: ForecastingOptions) -> SeriesSplit:
    """The series split as the options say."""
    return split_series(
        len(series),
        options.lookback,
        options.horizon,
        options.validation_fraction,
        options.test_fraction,
    )


def windows_of_test(series: Series, split: SeriesSplit) -> tuple[np.ndarray, np.ndarray]:
    """The steps from which the test split is forecast, and the windows around them."""
    return split.origins("test"), split.windows(series.values, "test")


def build_model(options: ForecastingOptions, num_columns: int) -> Forecaster:
    """The model that the options describe, with fresh weights."""
    return Forecaster(
        num_columns,
        options.lookback,
        cell=options.cell,
        units=options.units,
        num_layers=options.num_layers,
        dropout=options.dropout,
        steps_ahead=options.num_feedback_steps(),
        dtype=options.precision,
        recompute_steps=options.recompute_steps,
        skip_connections=options.skip_connections,
        residual=options.residual,
        feed_forward=options.feed_forward,
    )


def series_file(columns: tuple[str, ...], season: int | None, mase_scale: np.ndarray) -> bytes:
    """What a run keeps of its series, so that it can be used without it."""
    values = {"columns": columns, "season": season, "mase_scale": mase_scale.tolist()}
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def _read_series_file(run: RunDirectory) -> dict[str, Any]:
    try:
        values = run.read_json(SERIES_FILE, _is_of_series)
        return {**values, "mase_scale": np.asarray(values["mase_scale"], "float64")}
    except FileNotFoundError as error:
        # Earlier versions kept the columns among the metrics alone.
        metrics = run.read_metrics()
        values = {"columns": [*metrics.get("test", ())], "season": metrics.get("season")}
        if not _is_of_series({**values, "mase_scale": [1.0] * len(values["columns"])}):
            raise run.damaged(SERIES_FILE) from error
        return {**values, "mase_scale": None}


def _is_of_series(values: Any) -> bool:
    """Whether a value of JSON is what `series_file` writes."""
    if not isinstance(values, dict) or not {"columns", "season", "mase_scale"} <= values.keys():
        return False
    columns, scale = values["columns"], values["mase_scale"]
    return (
        is_list_of_names(columns)
        and has_type(values["season"], int | None)
        and isinstance(scale, list)
        and 0 < len(columns) == len(scale)
        and all(has_type(number, float) for number in scale)
    )


def _numbers(values: Any, num_columns: int) -> np.ndarray:
    """Values of one series, `[T, C]`; raises InputError where they are none."""
    wanted = f"`values` must be numbers [T, {num_columns}]" + " or [T]" * (num_columns == 1)
    try:
        numbers = np.asarray(json.loads(values) if isinstance(values, str) else values, "float32")
    except (TypeError, ValueError):
        raise InputError(f"{wanted}. Received: {reprlib.repr(values)}.") from None
    if numbers.ndim == 1 and num_columns == 1:
        numbers = numbers[:, np.newaxis]
    if numbers.ndim != 2 or numbers.shape[1] != num_columns or not len(numbers):
        raise InputError(f"{wanted}. Received: the shape {numbers.shape}.")
    return numbers
