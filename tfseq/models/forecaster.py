"""The recurrent forecaster: a series so far in, its next values out."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfseq.models.recurrent_model import RecurrentModel
from tfseq.models.series_scaling import SeriesScaling
from tfseq.options.rules import PositiveInt, checked

#: Standardised values beyond this are taken for this: nothing further off is ever told apart.
MAX_DEVIATION = 100.0


@keras.saving.register_keras_serializable(package="tfseq")
class Forecaster(SeriesScaling, RecurrentModel):
    r"""x̂_{t+1} = E[x_{t+1} | x_1, ..., x_t] by a stack of recurrent layers.

    z_t = (x_t − μ) / σ;  H_t = the stack's output at step t;
    ẑ_{t+1} = z_t W_zq + H_t W_hq + b_q;  x̂_{t+1} = μ + σ ẑ_{t+1}.

    Step k ahead reads ẑ_{t+1}, ..., ẑ_{t+k−1} as if they had been seen. W_zq begins as the
    identity and W_hq as zeros: the untrained model is the naive forecast. μ and σ are weights of
    the model, one of each for a column; `adapt` sets them.

    Args:
        num_columns: positive integer, C.
        lookback: positive integer, τ: `forecast` reads this many of the last values.
        cell, units, num_layers: see `RecurrentModel`.
        dropout: probability in [0, 1), out of the last layer, and between layers while values are
            read.
        steps_ahead: positive integer, K; how far beyond its inputs `call` goes. 1 learns one step
            ahead alone, from seen values (teacher forcing); more learns to go on from its own.

    Call arguments:
        values: float `[B, T, C]`, finite.
        training: applies dropout when True.

    Returns:
        Forecasts, float `[B, T + K − 1, C]`: x̂_2, ..., x̂_{T+1}, each from the values before it,
        then x̂_{T+2}, ..., x̂_{T+K} from its own.

    Example:

    >>> import numpy as np
    >>> model = Forecaster(num_columns=2, lookback=5, units=4, steps_ahead=3)
    >>> model(np.zeros([1, 5, 2], "float32")).shape
    TensorShape([1, 7, 2])
    >>> model.forecast(np.zeros([1, 5, 2], "float32"), 10).shape
    TensorShape([1, 10, 2])
    """

    def __init__(
        self,
        num_columns: int,
        lookback: int,
        cell="gru",
        units: int | Sequence[int] = 32,
        num_layers: int = 1,
        dropout: float = 0.0,
        steps_ahead: int = 1,
        **kwargs,
    ):
        # Values as they are given: in 16 bits, a level of 300 has steps of 2.
        super().__init__(autocast=False, **kwargs)
        self.num_columns = checked("num_columns", num_columns, PositiveInt)
        self.lookback = checked("lookback", lookback, PositiveInt)
        self.steps_ahead = checked("steps_ahead", steps_ahead, PositiveInt)
        columns = self.num_columns
        self._add_stack(columns, cell, units, num_layers, dropout, drop_inputs=False)
        self.output_layer = keras.layers.Dense(columns, kernel_initializer="zeros", name="output")
        self.output_layer.build((None, self.stack.output_size))
        self._add_scaling(columns)
        self.built = True

    def standardize(self, values) -> tf.Tensor:
        """x -> z, float `[..., C]`, kept within ±100."""
        z = (ops.cast(values, self.variable_dtype) - self.mean) / self.scale
        return ops.clip(z, -MAX_DEVIATION, MAX_DEVIATION)

    def call(self, values, training=None) -> Any:
        z = self.standardize(values)
        outputs, states = self.stack(z, training=training)
        forecasts = self._next(z, outputs, training)
        parts, last = [forecasts], forecasts[:, -1]
        for _ in range(self.steps_ahead - 1):
            outputs, states = self.stack.step(last, states)
            last = self._next(last, outputs, training)
            parts.append(last[:, None])
        return self.restore(ops.concatenate(parts, axis=1))

    def forecast(self, values, horizon, num_values=None) -> tf.Tensor:
        """Go on from the end of each row, in one graph.

        A value that is missing, NaN or infinite, is replaced by the model's own forecast of it.
        Steps before a row's first value are not read at all: a row may be padded with NaN on the
        left. A row without any value goes on from the training mean. Every row depends on itself
        alone, and the answer is finite whatever the values are.

        Args:
            values: float `[B, T, C]`; of each row the last τ steps are read. T may be 0.
            horizon: int, or int32 scalar, how many steps; at least 1.
            num_values: int32 `[B]`, the steps of each row that count; what is behind them is not
                read. None takes all T.

        Returns:
            Forecasts, float `[B, horizon, C]`.
        """
        values = last_values(tf.cast(values, self.variable_dtype), self.lookback, num_values)
        known = tf.math.is_finite(values)
        z = self.standardize(tf.where(known, values, 0.0))
        batch_size = tf.shape(values)[0]
        initial = self.stack.get_initial_state(batch_size)
        started = tf.zeros([batch_size, 1], tf.bool)
        upcoming = tf.zeros([batch_size, self.num_columns], z.dtype)

        def read(t, upcoming, started, states):
            started |= tf.reduce_any(known[:, t], axis=1, keepdims=True) | (t == self.lookback - 1)
            seen = tf.where(known[:, t], z[:, t], upcoming)
            after, new = self._step(seen, tf.nest.pack_sequence_as(initial, states))

            def where_started(after, before):
                return tf.where(
                    tf.reshape(started, [-1] + [1] * (after.shape.rank - 1)), after, before
                )

            states = list(map(where_started, tf.nest.flatten(new), states))
            return t + 1, where_started(after, upcoming), started, states

        _, upcoming, _, states = tf.while_loop(
            lambda t, *_: t < self.lookback,
            read,
            (0, upcoming, started, tf.nest.flatten(initial)),
        )

        def go_on(z, states):
            z, states = self._step(z, tf.nest.pack_sequence_as(initial, states))
            return z, tf.nest.flatten(states)

        return self._go_on(go_on, upcoming, states, horizon)

    def _next(self, z, outputs, training=None):
        """ẑ_{t+1} from z_t and H_t."""
        hidden = self.output_dropout(outputs, training=training)
        return self.skip_layer(z) + self.output_layer(hidden)

    def _step(self, z, states):
        """ẑ_{t+1} and the states after it, without dropout, kept within bounds."""
        outputs, states = self.stack.step(z, states)
        return ops.clip(self._next(z, outputs), -MAX_DEVIATION, MAX_DEVIATION), states

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_columns": self.num_columns,
            "lookback": self.lookback,
            "steps_ahead": self.steps_ahead,
        }


def last_values(values: tf.Tensor, lookback: int, num_values: tf.Tensor | None = None) -> tf.Tensor:
    """Of values `[B, T, C]` the last τ of each row, `[B, τ, C]`; NaN before its first.

    `num_values`, int32 `[B]`, are the steps of each row that count, kept within 0 and T.
    """
    batch_size, num_steps, _ = tf.unstack(tf.shape(values))
    if num_values is None:
        num_values = tf.fill([batch_size], num_steps)
    num_values = tf.clip_by_value(num_values, 0, num_steps)
    # Step 0 of this is the NaN that stands for all before the first.
    values = tf.pad(values, [[0, 0], [1, 0], [0, 0]], constant_values=float("nan"))
    steps = tf.maximum(num_values[:, tf.newaxis] - lookback + tf.range(lookback) + 1, 0)
    return tf.gather(values, steps, batch_dims=1)
