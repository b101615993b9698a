"""Figures of peers for one series: sktime 1.2.0, utilsforecast 0.2.17, statsmodels 0.15.0."""

import numpy as np

TRAINING = np.array(
    [
        20.0,
        22.8,
        24.36,
        24.14,
        23.01,
        20.19,
        17.75,
        16.59,
        14.27,
        12.98,
        14.14,
        16.32,
        18.93,
        20.5,
        22.3,
        23.66,
        21.65,
        19.36,
        14.96,
        11.17,
        7.5,
        6.59,
        6.0,
        8.1,
        10.76,
        13.07,
        12.38,
        12.51,
        11.79,
        10.08,
        6.05,
        3.07,
        0.26,
        -1.22,
        0.51,
        1.54,
        4.0,
        7.39,
        8.63,
        9.19,
        8.63,
        6.87,
        3.14,
        0.72,
        0.25,
        -1.97,
        -0.44,
        1.51,
    ]
)
#: What came after it, and a forecast of that.
TARGETS = np.array([3.36, 9.39, 9.39, 7.99, 8.7, 7.45, 2.95, 1.4, 0.18, -1.3, 1.0, 0.83])
FORECASTS = np.array([3.62, 8.79, 9.56, 6.45, 7.95, 7.19, 4.12, 2.89, -1.54, -2.33, 1.84, -1.76])
#: A second series beside the first, for a vector autoregression.
BESIDE = np.array(
    [
        -0.46,
        -0.56,
        0.7,
        1.39,
        1.06,
        0.69,
        0.44,
        1.96,
        1.54,
        1.23,
        1.58,
        1.46,
        1.27,
        0.15,
        0.14,
        -0.3,
        0.86,
        1.52,
        1.49,
        2.16,
        1.82,
        2.87,
        2.87,
        3.45,
        2.16,
        2.51,
        0.82,
        -1.22,
        -1.52,
        -2.42,
        -2.26,
        -0.01,
        -0.84,
        -1.47,
        -1.26,
        -0.77,
        -0.95,
        -1.15,
        -0.45,
        0.07,
        -0.96,
        -1.04,
        -1.01,
        -2.06,
        -1.8,
        -2.66,
        -1.69,
        -1.5,
    ]
)

# sktime.performance_metrics.forecasting.mean_absolute_scaled_error(..., sp=1 and 12);
# utilsforecast.losses.mase gives the same figures.
MASE = {1: 0.5360330578512396, 12: 0.20858758327268656}
# sktime mean_squared_error(..., square_root=True), utilsforecast.losses.rmse.
RMSE = 1.2409740797722837

# statsmodels AutoReg(TRAINING, 3, trend="c").fit(): params (the intercept, then the newest lag
# first), and forecast(6).
AUTOREGRESSION = [0.7568887524909766, 1.7152727678011648, -0.8598838646422942, 0.06365566735651432]
AUTOREGRESSION_FORECAST = [
    3.5998978676210114,
    5.60526240244005,
    7.372068674756955,
    8.811276596896011,
    9.88831536518772,
    10.610646196545867,
]
# statsmodels VAR(both).fit(2, trend="c"): params (the intercept, newest lag, older lag), and
# forecast(..., 4).
VECTOR_AUTOREGRESSION = [
    [1.0475285638027068, -0.2852991369823854],
    [1.6440576143168548, -0.036771612083120256],
    [-0.13638474844780743, 0.8829261476941903],
    [-0.756728900042673, 0.06177505824079869],
    [0.479735710547064, -0.07193843997596142],
]
VECTOR_AUTOREGRESSION_FORECAST = [
    [3.256840049287107, -1.570818554835759],
    [4.753932734018647, -1.590787173331685],
    [5.862104237928445, -1.5504627780521858],
    [6.536029444432189, -1.4616890686790622],
]
