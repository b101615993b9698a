"""Forecasts that need no network: what any other has to be better than."""

import numpy as np


def naive_forecast(values: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """The last value before each origin, again and again: a season of one step.

    Example:

    >>> naive_forecast(np.array([[1.0], [2.0], [5.0]]), np.array([2]), 2).ravel().tolist()
    [2.0, 2.0]
    """
    return seasonal_naive_forecast(values, origins, horizon, season_length=1)


def seasonal_naive_forecast(
    values: np.ndarray, origins: np.ndarray, horizon: int, season_length: int
) -> np.ndarray:
    """The value of the same place in the last season before each origin.

    Args:
        values: `[N, C]`, the series.
        origins: int `[W]`, steps of it, none before `season_length`; from each the future begins.
        horizon: H, how many steps.
        season_length: m, the season's length in steps.

    Returns:
        `[W, H, C]`.

    Example:

    >>> values = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> seasonal_naive_forecast(values, np.array([4]), 5, season_length=3).ravel().tolist()
    [2.0, 3.0, 4.0, 2.0, 3.0]
    """
    return values[origins[:, np.newaxis] - season_length + np.arange(horizon) % season_length]


class LinearAutoregression:
    """x̂_{t+1} = b + Σ_i A_i x_{t−τ+i}, the least squares fit; further steps read those before.

    With several columns each is told from the lags of all (a vector autoregression). Where the
    lags do not determine the coefficients, the smallest ones are taken.

    Args:
        values: `[N, C]`, the training part.
        lookback: τ, less than N.

    Attributes:
        coefficients: `[τ C, C]`, the oldest lag first, columns within a lag.
        intercept: `[C]`.

    Example:

    >>> model = LinearAutoregression(np.array([[1.0], [2.0], [4.0], [8.0], [16.0]]), lookback=1)
    >>> model.forecast(np.array([[[3.0]]]), 3).round(6).ravel().tolist()
    [6.0, 12.0, 24.0]
    """

    def __init__(self, values: np.ndarray, lookback: int):
        # Around the mean, so that a high level costs no digits.
        self._level = values.mean(axis=0)
        centred = values - self._level
        windows = np.lib.stride_tricks.sliding_window_view(centred, lookback + 1, axis=0)
        windows = np.moveaxis(windows, 2, 1)
        inputs = windows[:, :lookback].reshape(len(windows), -1)
        inputs = np.concatenate([inputs, np.ones([len(windows), 1])], axis=1)
        solution, *_ = np.linalg.lstsq(inputs, windows[:, lookback], rcond=None)
        self.lookback = lookback
        self.coefficients, self._offset = solution[:-1], solution[-1]
        mean = np.tile(self._level, lookback)
        self.intercept = self._offset + self._level - mean @ self.coefficients

    def forecast(self, history: np.ndarray, horizon: int) -> np.ndarray:
        """Go on from histories `[W, τ, C]` by H steps: `[W, H, C]`."""
        window = history - self._level
        forecasts = np.empty([len(window), horizon, window.shape[2]])
        for k in range(horizon):
            following = window.reshape(len(window), -1) @ self.coefficients + self._offset
            forecasts[:, k] = following
            window = np.concatenate([window[:, 1:], following[:, np.newaxis]], axis=1)
        return forecasts + self._level
