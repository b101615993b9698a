"""A forecaster without a hidden state: a feed-forward network on the last values."""

from typing import Any

import keras
from keras import ops

from tfseq.models.series_scaling import SeriesScaling
from tfseq.options.rules import PositiveInt, checked


@keras.saving.register_keras_serializable(package="tfseq")
class FeedForwardForecaster(SeriesScaling, keras.Model):
    r"""x̂_{t+1} from x_{t−τ+1}, ..., x_t by a network of two hidden layers.

    z = (x − μ) / σ;  h_1 = relu([z_{t−τ+1}, ..., z_t] W_1 + b_1);  h_2 = relu(h_1 W_2 + b_2);
    ẑ_{t+1} = z_t W_zq + h_2 W_q + b_q. Further steps read the forecasts before them. What is around
    the hidden layers is as in `Forecaster`, so that the two can be compared.

    Args:
        num_columns: positive integer, C.
        lookback: positive integer, τ.
        units: positive integer, the size of both hidden layers.
        steps_ahead: positive integer, K.

    It is called with values `[B, τ, C]`, and returns x̂_{t+1}, ..., x̂_{t+K}, `[B, K, C]`.

    Example:

    >>> import numpy as np
    >>> model = FeedForwardForecaster(num_columns=1, lookback=4, steps_ahead=3)
    >>> model(np.full([2, 4, 1], 5.0, "float32")).numpy().ravel().tolist()
    [5.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    """

    def __init__(self, num_columns, lookback, units=64, steps_ahead=1, **kwargs):
        super().__init__(**kwargs)
        self.num_columns = checked("num_columns", num_columns, PositiveInt)
        self.lookback = checked("lookback", lookback, PositiveInt)
        self.units = checked("units", units, PositiveInt)
        self.steps_ahead = checked("steps_ahead", steps_ahead, PositiveInt)
        self.network = keras.Sequential(
            [
                keras.Input([self.lookback * self.num_columns]),
                keras.layers.Dense(units, activation="relu"),
                keras.layers.Dense(units, activation="relu"),
                keras.layers.Dense(self.num_columns, kernel_initializer="zeros"),
            ]
        )
        self._add_scaling(self.num_columns)
        self.built = True

    def call(self, values, training=None) -> Any:
        window = (values - self.mean) / self.scale
        forecasts = []
        for _ in range(self.steps_ahead):
            window, following = self._step(window)
            forecasts.append(following)
        return self.restore(ops.stack(forecasts, axis=1))

    def forecast(self, values, horizon) -> Any:
        """Go on from values `[B, τ, C]` by any number of steps: `[B, horizon, C]`."""
        window, first = self._step((values - self.mean) / self.scale)

        def go_on(_, windows):
            window, following = self._step(windows[0])
            return following, [window]

        return self._go_on(go_on, first, [window], horizon)

    def _step(self, window):
        """The window moved one step on, and its new last value."""
        lags = ops.reshape(window, (-1, self.lookback * self.num_columns))
        following = self.skip_layer(window[:, -1]) + self.network(lags)
        return ops.concatenate([window[:, 1:], following[:, None]], axis=1), following

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_columns": self.num_columns,
            "lookback": self.lookback,
            "units": self.units,
            "steps_ahead": self.steps_ahead,
        }
