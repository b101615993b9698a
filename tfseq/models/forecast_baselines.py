"""Forecasts that need no network: what any other has to be better than."""

import numpy as np


def naive_forecast(values: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """The last value before each origin, again and again.

    Args:
        values: `[N, C]`, the series.
        origins: int `[W]`, steps of it; from each the future begins.
        horizon: H, how many steps.

    Returns:
        `[W, H, C]`.

    Example:

    >>> naive_forecast(np.array([[1.0], [2.0], [5.0]]), np.array([2]), 2).ravel().tolist()
    [2.0, 2.0]
    """
    return seasonal_naive_forecast(values, origins, horizon, season=1)


def seasonal_naive_forecast(
    values: np.ndarray, origins: np.ndarray, horizon: int, season: int
) -> np.ndarray:
    """The value of the same place in the last season before each origin.

    Args:
        values, origins, horizon: as for `naive_forecast`; no origin before `season`.
        season: m, the season's length in steps.

    Returns:
        `[W, H, C]`.

    Example:

    >>> values = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> seasonal_naive_forecast(values, np.array([4]), 5, season=3).ravel().tolist()
    [2.0, 3.0, 4.0, 2.0, 3.0]
    """
    return values[origins[:, np.newaxis] - season + np.arange(horizon) % season]


class LinearAutoregression:
    """x̂_{t+1} = b + Σ_i A_i x_{t−τ+i}, the least squares fit; further steps read those before.

    With several columns each is told from the lags of all (a vector autoregression). Where the
    lags do not determine the coefficients, the smallest ones are taken.

    Attributes:
        coefficients: `[τ C, C]`, the oldest lag first, columns within a lag.
        intercept: `[C]`.

    Args:
        values: `[N, C]`, the training part.
        lags: τ, less than N.

    Example:

    >>> model = LinearAutoregression(np.array([[1.0], [2.0], [4.0], [8.0], [16.0]]), lags=1)
    >>> model.forecast(np.array([[[3.0]]]), 3).round(6).ravel().tolist()
    [6.0, 12.0, 24.0]
    """

    def __init__(self, values: np.ndarray, lags: int):
        # Around the mean, so that a high level costs no digits.
        self._level = values.mean(axis=0)
        centred = values - self._level
        windows = np.lib.stride_tricks.sliding_window_view(centred, lags + 1, axis=0)
        windows = np.moveaxis(windows, 2, 1)
        inputs = windows[:, :lags].reshape(len(windows), -1)
        inputs = np.concatenate([inputs, np.ones([len(windows), 1])], axis=1)
        solution, *_ = np.linalg.lstsq(inputs, windows[:, lags], rcond=None)
        self.lags = lags
        self.coefficients, self._offset = solution[:-1], solution[-1]
        self.intercept = self._offset + self._level - np.tile(self._level, lags) @ self.coefficients

    def forecast(self, history: np.ndarray, horizon: int) -> np.ndarray:
        """Go on from histories `[W, τ, C]` by H steps: `[W, H, C]`."""
        window = history - self._level
        forecasts = np.empty([len(window), horizon, window.shape[2]])
        for k in range(horizon):
            following = window.reshape(len(window), -1) @ self.coefficients + self._offset
            forecasts[:, k] = following
            window = np.concatenate([window[:, 1:], following[:, np.newaxis]], axis=1)
        return forecasts + self._level
