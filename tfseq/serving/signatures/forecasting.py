"""A forecaster as a SavedModel: values so far in, forecasts out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
import tensorflow as tf

from tfseq.models.forecaster import MAX_DEVIATION, Forecaster, last_values
from tfseq.serving.export import Publishing, describe_parts, export_module
from tfseq.serving.signatures.clamping import clamp, sentence, sentences
from tfseq.serving.signatures.settings import ForecasterSettings
from tfseq.serving.signatures.signatures import Signatures


def export_forecaster(
    model: Forecaster,
    directory: str | os.PathLike,
    *,
    columns: Sequence[str] | None = None,
    settings: ForecasterSettings | None = None,
    **publishing: Unpack[Publishing],
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes values and returns forecasts.

    `serving_default` takes `values` float [B, T, C], the newest last, and `horizon` int32 [B];
    `forecast` takes `num_values` int32 [B] too, the steps of each row that count. Both return

    - `forecast` float [B, max_horizon, C], in the series' own units, zeros from `num_steps` on;
    - `num_steps` int32 [B], `horizon` kept within 1 and `max_horizon`;
    - `warning` string [B], empty where there is nothing to say.

    The model reads the last τ steps of a row; τ is `lookback` in the model card. NaN stands for a
    missing value, and on the left of a row for nothing at all. With a server that batches
    requests and pads them to one length, rows for `serving_default` are to be of one length (τ
    does), and those for `forecast` may have any. It is written, warmed up and published as
    `export_language_model` does it.

    Args:
        model: a `tfseq.models.Forecaster`.
        columns: names of the C columns, for the model card.
        settings: caps; None takes the usual ones.

    Other arguments, what is returned and raised: as for `export_language_model`.

    Example:
        >>> import tempfile
        >>> model = Forecaster(num_columns=1, lookback=3, units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_forecaster(model, directory)
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    settings = settings or ForecasterSettings()
    names = [f"column {c}" for c in range(model.num_columns)] if columns is None else list(columns)
    if len(names) != model.num_columns:
        raise ValueError(
            f"`columns` must be {model.num_columns} names, as many as the model has columns. "
            f"Received: {names!r}."
        )
    mean, scale = np.asarray(model.mean, "float32"), np.asarray(model.scale, "float32")
    return export_module(
        lambda assets: ForecasterSignatures(model, settings.max_horizon),
        directory,
        card={
            **describe_parts(model, settings),
            "columns": names,
            "mean": mean.tolist(),
            "scale": scale.tolist(),
        },
        # The dearest request.
        examples={
            "values": np.tile(mean, [model.lookback, 1]),
            "num_values": model.lookback,
            "horizon": settings.max_horizon,
        },
        max_batch_size=settings.max_batch_size,
        **publishing,
    )


class ForecasterSignatures(Signatures):
    """The two signatures of a forecaster, whose scaling is among its weights."""

    def __init__(self, model: Forecaster, max_horizon: int):
        super().__init__(model)
        self._model = model
        self._max_horizon = max_horizon
        # One traced function, so that the loops are in the file once and not once a signature.
        self._answer = tf.function(
            self._forecast, input_signature=self.inputs["forecast"], autograph=False
        ).get_concrete_function()

    @property
    def inputs(self) -> dict[str, tuple[tf.TensorSpec, ...]]:
        values = tf.TensorSpec([None, None, self._model.num_columns], tf.float32, "values")
        num_values = tf.TensorSpec([None], tf.int32, "num_values")
        horizon = tf.TensorSpec([None], tf.int32, "horizon")
        return {"serving_default": (values, horizon), "forecast": (values, num_values, horizon)}

    def serving_default(self, values: tf.Tensor, horizon: tf.Tensor) -> dict[str, tf.Tensor]:
        """Go on from the end of rows of one length."""
        batch_size, num_steps, _ = tf.unstack(tf.shape(values))
        return self._answer(values, tf.fill([batch_size], num_steps), horizon)

    def forecast(
        self, values: tf.Tensor, num_values: tf.Tensor, horizon: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Go on from the end of rows of different lengths, padded on the right."""
        return self._answer(values, num_values, horizon)

    def _forecast(self, values, num_values, horizon) -> dict[str, tf.Tensor]:
        # Different numbers of rows are an invalid argument, here and not further on.
        rows = tf.shape(values)[:1]
        num_values, horizon = tf.reshape(num_values, rows), tf.reshape(horizon, rows)
        num_steps = tf.shape(values)[1]
        num_values, too_many = clamp(num_values, "num_values", 0, num_steps)
        num_steps, out_of_range = clamp(horizon, "horizon", 1, self._max_horizon)
        warnings = [too_many, out_of_range, *self._odd_values(values, num_values)]
        longest = tf.maximum(tf.reduce_max(num_steps), 1)
        forecast = self._model.forecast(values, longest, num_values)
        # Zeros, and not NaN, for which JSON has no word.
        asked = tf.range(longest) < num_steps[:, tf.newaxis]
        forecast = tf.where(asked[:, :, tf.newaxis], tf.cast(forecast, tf.float32), 0.0)
        forecast = tf.pad(forecast, [[0, 0], [0, self._max_horizon - longest], [0, 0]])
        shape = [None, self._max_horizon, self._model.num_columns]
        return {
            "forecast": tf.ensure_shape(forecast, shape),
            "num_steps": num_steps,
            "warning": sentences(warnings),
        }

    def _odd_values(self, values, num_values) -> list[tf.Tensor]:
        """What was odd about the values that were read, a string [B] for each kind."""
        model = self._model
        window = last_values(values, model.lookback, num_values)
        known = tf.math.is_finite(window)
        any_known = tf.reduce_any(known, axis=2)
        # Steps from the first with a value on. Those before it are padding.
        begun = tf.cumsum(tf.cast(any_known, tf.int32), axis=1) > 0
        num_read = tf.reduce_sum(tf.cast(begun, tf.int32), axis=1)
        missing = tf.reduce_sum(tf.cast(begun[:, :, tf.newaxis] & ~known, tf.int32), axis=[1, 2])
        z = (tf.where(known, window, model.mean) - model.mean) / model.scale
        far = tf.reduce_any(tf.abs(z) > MAX_DEVIATION, axis=[1, 2])
        too_few = f"`values` should have {model.lookback} steps. Received: ", num_read
        some_missing = "`values` has missing or infinite numbers: ", missing
        warnings = [
            (
                num_read == 0,
                "`values` has no finite number; the forecast goes on from the training mean. ",
            ),
            (
                (num_read > 0) & (num_read < model.lookback),
                sentence(*too_few, "; a forecast from fewer is less exact."),
            ),
            (missing > 0, sentence(*some_missing, "; used: the model's own forecasts of them.")),
            (
                far,
                f"`values` has numbers more than {MAX_DEVIATION:.0f} standard deviations from the "
                "training mean; used: the values at that distance. ",
            ),
        ]
        return [tf.where(rows, warning, "") for rows, warning in warnings]
