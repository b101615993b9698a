"""The signatures of an exported forecaster: values so far in, forecasts out."""

from collections.abc import Callable

import tensorflow as tf

from tfseq.models.forecaster import MAX_DEVIATION, Forecaster, last_values
from tfseq.serving.signatures.bounds import checked, clamp, sentences


class ForecasterSignatures(tf.Module):
    """What is saved: the weights, the scaling among them, and the two signatures.

    Nothing in it fails for what one row holds, and no row changes the answer to another: a server
    answers a whole batch of different people's requests at once.

    Args:
        model: the forecaster.
        max_horizon: the most steps ahead that a request may ask for.
    """

    def __init__(self, model: Forecaster, max_horizon: int):
        super().__init__(name="forecaster")
        self._model = model
        self._max_horizon = max_horizon
        # TensorFlow Serving's loader finds only what is tracked here, and plain variables only.
        self.weights = [weight.value for weight in model.weights]
        # One traced function, so that the loops are in the file once and not once a signature.
        self._answer = tf.function(
            self._forecast, input_signature=self._specs(), autograph=False
        ).get_concrete_function()

    def signatures(self) -> dict[str, Callable]:
        """Signature name -> function from its named inputs to a dict of outputs."""
        values, num_values, horizon = self._specs()
        inputs = {
            "serving_default": (values, horizon),
            "forecast": (values, num_values, horizon),
        }
        return {
            name: tf.function(
                checked(getattr(self, name), specs), input_signature=specs, autograph=False
            )
            for name, specs in inputs.items()
        }

    def serving_default(self, values: tf.Tensor, horizon: tf.Tensor) -> dict[str, tf.Tensor]:
        """Go on from the end of rows of one length."""
        batch_size, num_steps, _ = tf.unstack(tf.shape(values))
        return self._answer(values, tf.fill([batch_size], num_steps), horizon)

    def forecast(
        self, values: tf.Tensor, num_values: tf.Tensor, horizon: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Go on from the end of rows of different lengths, padded on the right."""
        return self._answer(values, num_values, horizon)

    def _specs(self) -> tuple[tf.TensorSpec, ...]:
        return (
            tf.TensorSpec([None, None, self._model.num_columns], tf.float32, "values"),
            tf.TensorSpec([None], tf.int32, "num_values"),
            tf.TensorSpec([None], tf.int32, "horizon"),
        )

    def _forecast(self, values, num_values, horizon) -> dict[str, tf.Tensor]:
        # Different numbers of rows are an invalid argument, here and not further on.
        rows = tf.shape(values)[:1]
        num_values, horizon = tf.reshape(num_values, rows), tf.reshape(horizon, rows)
        num_steps = tf.shape(values)[1]
        num_values, too_many = clamp_to(num_values, "num_values", num_steps)
        num_steps, warning = clamp(horizon, "horizon", 1, self._max_horizon)
        warnings = [too_many, warning, *self._read_warnings(values, num_values)]
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

    def _read_warnings(self, values, num_values) -> list[tf.Tensor]:
        """What was odd about the values that were read, a string [B] for each kind."""
        model = self._model
        window = last_values(values, model.lags, num_values)
        known = tf.math.is_finite(window)
        any_known = tf.reduce_any(known, axis=2)
        # Steps from the first with a value on. Those before it are padding.
        begun = tf.cumsum(tf.cast(any_known, tf.int32), axis=1) > 0
        num_read = tf.reduce_sum(tf.cast(begun, tf.int32), axis=1)
        missing = tf.reduce_sum(tf.cast(begun[:, :, tf.newaxis] & ~known, tf.int32), axis=[1, 2])
        z = (tf.where(known, window, model.mean) - model.mean) / model.scale
        far = tf.reduce_any(tf.abs(z) > MAX_DEVIATION, axis=[1, 2])
        return [
            tf.where(
                num_read == 0,
                "`values` has no finite number; the forecast goes on from the training mean. ",
                "",
            ),
            tf.where(
                (num_read > 0) & (num_read < model.lags),
                tf.strings.join(
                    [
                        f"`values` should have {model.lags} steps. Received: ",
                        tf.strings.as_string(num_read),
                        "; a forecast from fewer is less exact. ",
                    ]
                ),
                "",
            ),
            tf.where(
                missing > 0,
                tf.strings.join(
                    [
                        "`values` has missing or infinite numbers: ",
                        tf.strings.as_string(missing),
                        "; used: the model's own forecasts of them. ",
                    ]
                ),
                "",
            ),
            tf.where(
                far,
                f"`values` has numbers more than {MAX_DEVIATION:.0f} standard deviations from the "
                "training mean; they were taken to be so far from it. ",
                "",
            ),
        ]


def clamp_to(values: tf.Tensor, name: str, high: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Bring int32 [B] into 0 to a scalar that the request gives; as `bounds.clamp` else."""
    used = tf.clip_by_value(values, 0, high)
    warnings = tf.strings.join(
        [
            f"`{name}` must be from 0 to ",
            tf.strings.as_string(high),
            ". Received: ",
            tf.strings.as_string(values),
            "; used: ",
            tf.strings.as_string(used),
            ". ",
        ]
    )
    return used, tf.where(used == values, "", warnings)
