"""How far forecasts are off: RMSE, and MASE, which knows no unit."""

import numpy as np


def rmse(targets: np.ndarray, forecasts: np.ndarray, axis=None) -> np.ndarray:
    """Root mean squared error, √mean((y − ŷ)²), over `axis` (None is all of them).

    >>> float(rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0])).round(4))
    1.4142
    """
    return np.sqrt(np.mean(np.square(targets - forecasts), axis=axis))


def mase(
    targets: np.ndarray,
    forecasts: np.ndarray,
    training: np.ndarray,
    season_length: int = 1,
    axis=None,
) -> np.ndarray:
    """Mean absolute scaled error: mean |y − ŷ| over the mean |x_t − x_{t−m}| of the training split.

    Below 1 the forecasts are better, on average, than the naive ones of one season ahead were in
    the training split; the scale comes from there alone, whatever the forecasts are for.

    Args:
        targets, forecasts: of one column, of any one shape.
        training: `[N]`, that column's training split.
        season_length: m; 1 compares with the value before.
        axis: the axes averaged over; None is all of them.

    Returns:
        The error; NaN where the training split repeats itself exactly, so that the scale is zero.

    Source: Hyndman and Koehler, Another look at measures of forecast accuracy, International
    Journal of Forecasting 22(4), 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001.

    >>> float(mase(np.array([5.0, 7.0]), np.array([5.0, 6.0]), np.array([1.0, 2.0, 4.0])).round(4))
    0.3333
    """
    scale = np.mean(np.abs(training[season_length:] - training[:-season_length]))
    error = np.mean(np.abs(targets - forecasts), axis=axis)
    return error / scale if scale > 0 else np.full_like(error, np.nan)


def mase_scale(training: np.ndarray, season: int | None) -> np.ndarray:
    """The error of the naive forecast of one season ahead: mean |x_t − x_{t−m}|, for each column.

    Args:
        training: `[N]` or `[N, C]`, the training split.
        season: m; None compares with the value before.

    >>> mase_scale(np.array([[1.0], [2.0], [4.0]]), None)
    array([1.5])
    """
    m = season or 1
    return np.abs(training[m:] - training[:-m]).mean(axis=0)
