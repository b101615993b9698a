"""RMSE and MASE, and the simpler forecasts, beside the figures of peers."""

import re

import forecast_peers as peers
import numpy as np
import pytest

from tfseq.metrics.forecasting import mase, mase_scale, rmse
from tfseq.models import LinearAutoregression
from tfseq.models.forecast_baselines import naive_forecast, seasonal_naive_forecast
from tfseq.tasks.forecasting.evaluation import ForecastEvaluation


@pytest.mark.parametrize("season", [1, 12])
def test_mase_is_that_of_sktime_and_utilsforecast(season):
    error = mase(peers.TARGETS, peers.FORECASTS, peers.TRAINING, season)
    assert error == pytest.approx(peers.MASE[season], rel=1e-12)


def test_rmse_is_that_of_sktime_and_utilsforecast():
    assert rmse(peers.TARGETS, peers.FORECASTS) == pytest.approx(peers.RMSE, rel=1e-12)


def test_mase_of_the_naive_forecast_in_the_training_split_is_one():
    x = peers.TRAINING
    assert mase(x[12:], x[:-12], x, 12) == pytest.approx(1)
    assert np.isnan(mase(x[12:], x[:-12], np.ones(20)))


def test_autoregression_is_that_of_statsmodels():
    model = LinearAutoregression(peers.TRAINING[:, None], lookback=3)
    told = [*model.intercept, *model.coefficients[::-1, 0]]
    np.testing.assert_allclose(told, peers.AUTOREGRESSION, rtol=1e-8)
    forecast = model.forecast(peers.TRAINING[None, -3:, None], 6)
    np.testing.assert_allclose(forecast[0, :, 0], peers.AUTOREGRESSION_FORECAST, rtol=1e-8)


def test_vector_autoregression_is_that_of_statsmodels():
    values = np.stack([peers.TRAINING, peers.BESIDE], axis=1)
    model = LinearAutoregression(values, lookback=2)
    older, newer = np.split(model.coefficients, 2)
    told = np.concatenate([model.intercept[None], newer, older])
    np.testing.assert_allclose(told, peers.VECTOR_AUTOREGRESSION, rtol=1e-7)
    forecast = model.forecast(values[None, -2:], 4)[0]
    np.testing.assert_allclose(forecast, peers.VECTOR_AUTOREGRESSION_FORECAST, rtol=1e-8)


def test_a_high_level_costs_the_autoregression_no_digits():
    level = 1e9
    low = LinearAutoregression(peers.TRAINING[:, None], lookback=3)
    high = LinearAutoregression(peers.TRAINING[:, None] + level, lookback=3)
    np.testing.assert_allclose(high.coefficients, low.coefficients, rtol=1e-5)


def test_naive_forecasts_repeat_the_last_value_and_the_last_season():
    values = np.array([[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]])
    np.testing.assert_array_equal(
        naive_forecast(values, np.array([1, 4]), 2), [[[1, 10]] * 2, [[4, 40]] * 2]
    )
    seasonal = seasonal_naive_forecast(values, np.array([3, 4]), 4, season_length=3)
    assert seasonal[..., 0].tolist() == [[1, 2, 3, 1], [2, 3, 4, 2]]


@pytest.mark.parametrize("size", [1e-20, 1e-5, 1.0, 1e6, 1e25])
def test_columns_of_the_table_stay_apart(size):
    rng = np.random.default_rng(0)
    targets, forecasts = size * rng.normal(size=(2, 5, 4, 1))
    training = size * rng.normal(size=(30, 1))
    evaluation = ForecastEvaluation(
        np.arange(5), targets, {"a": forecasts, "ab": -targets}, mase_scale(training, 1), ("x",), 1
    )
    head, *rows = evaluation.table(0).splitlines()
    assert re.split(" {2,}", head) == ["", "RMSE, step 1", "step 4", "steps 1 to 4", "MASE"]
    for method, row in zip(("a", "ab"), rows, strict=True):
        name, *cells = re.split(" {2,}", row)
        told = [float(c.replace(" × 10", "e").replace(",", "").translate(PLAIN)) for c in cells]
        assert name == method
        assert told == pytest.approx([*evaluation.metrics(method, 0).values()], rel=1e-3)
    assert len({len(line) for line in (head, *rows)}) == 1


PLAIN = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")


def test_metrics_of_an_evaluation():
    rng = np.random.default_rng(0)
    targets, forecasts = rng.normal(size=(2, 5, 4, 2))
    training = rng.normal(size=(30, 2))
    methods, scale = {"a": forecasts, "exact": targets}, mase_scale(training, 3)
    evaluation = ForecastEvaluation(np.arange(5), targets, methods, scale, ("x", "y"), 3)
    metrics = evaluation.all_metrics()["y"]
    off = (targets - forecasts)[..., 1]
    assert metrics["a"] == pytest.approx(
        {
            "rmse_one_step": np.sqrt(np.mean(off[:, 0] ** 2)),
            "rmse_horizon": np.sqrt(np.mean(off[:, 3] ** 2)),
            "rmse": np.sqrt(np.mean(off**2)),
            "mase": np.mean(np.abs(off)) / np.mean(np.abs(training[3:, 1] - training[:-3, 1])),
        }
    )
    assert set(metrics["exact"].values()) == {0.0}
    np.testing.assert_allclose(evaluation.rmse_by_step("a", 1), np.sqrt(np.mean(off**2, axis=0)))
    head, row, exact = evaluation.table(1).splitlines()
    assert head.split() == "RMSE, step 1 step 4 steps 1 to 4 MASE".split()
    assert row.split()[0] == "a"
    assert [float(cell) for cell in row.split()[1:]] == pytest.approx(
        list(metrics["a"].values()), rel=1e-3
    )
    assert [float(cell) for cell in exact.split()[1:]] == [0] * 4
    assert len({len(line) for line in (head, row, exact)}) == 1
