"""Forecasters against their equations, and the loop of a forecast against the model's call."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.models import FeedForwardForecaster, Forecaster

RNG = np.random.default_rng(5)
MEAN, SCALE = np.array([3.0, -200.0]), np.array([0.5, 40.0])


def lively(model):
    for weight in model.trainable_weights:
        weight.assign(RNG.normal(scale=0.4, size=weight.shape))
    model.mean.assign(MEAN)
    model.scale.assign(SCALE)
    return model


@pytest.fixture(scope="module")
def model():
    return lively(Forecaster(2, lookback=6, cell="lstm", units=5, num_layers=2, steps_ahead=4))


def series(*shape):
    return (MEAN + SCALE * RNG.normal(size=(*shape, 2))).astype("float32")


def test_a_simple_rnn_is_its_equations():
    model = lively(Forecaster(2, lookback=4, cell="rnn", units=3, steps_ahead=3))
    W, U, b = (np.asarray(w) for w in model.stack.get_weights())
    W_hq, b_q = model.output_layer.get_weights()
    (W_zq,) = model.skip_layer.get_weights()
    x = series(1, 4)
    z, h, told = (x[0] - MEAN) / SCALE, np.zeros(3), []
    for t in range(6):
        seen = z[t] if t < 4 else told[-1]
        h = np.tanh(seen @ W + h @ U + b)
        told.append(seen @ W_zq + h @ W_hq + b_q)
    expected = MEAN + SCALE * np.array(told)
    np.testing.assert_allclose(model(x)[0], expected, rtol=1e-5)
    np.testing.assert_allclose(model.forecast(x, 3)[0], expected[3:], rtol=1e-5)


def test_the_untrained_model_is_the_naive_forecast():
    for new in (
        Forecaster(2, lookback=3, steps_ahead=2),
        FeedForwardForecaster(2, 3, steps_ahead=2),
    ):
        new.adapt(series(50))
        x = series(4, 3)
        for told in (np.asarray(new(x))[:, -2:], new.forecast(x, 2)):
            np.testing.assert_allclose(told, np.repeat(x[:, -1:], 2, axis=1), rtol=1e-5)


def test_scaling_is_that_of_the_values_given():
    values = series(50)
    for new in (Forecaster(2, lookback=3), FeedForwardForecaster(2, lookback=3)):
        new.adapt(values)
        np.testing.assert_allclose(new.mean, values.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(new.scale, values.std(axis=0), rtol=1e-5)


def test_the_loop_of_a_forecast_is_the_call(model):
    x = series(3, 6)
    np.testing.assert_allclose(model.forecast(x, 4), model(x)[:, -4:], rtol=1e-5, atol=1e-4)
    # Of a longer history the last values are read.
    longer = np.concatenate([series(3, 9), x], axis=1)
    np.testing.assert_allclose(model.forecast(longer, 4), model.forecast(x, 4))


def test_feed_forward_loop_is_the_call_and_its_equation():
    network = lively(FeedForwardForecaster(2, lookback=3, units=4, steps_ahead=5))
    x = series(2, 3)
    np.testing.assert_allclose(network.forecast(x, 5), network(x), rtol=1e-5)
    W1, b1, W2, b2, W, b = network.network.get_weights()
    (skip,) = network.skip_layer.get_weights()
    z = (x - MEAN) / SCALE
    h = np.maximum(np.maximum(z.reshape(2, -1) @ W1 + b1, 0) @ W2 + b2, 0)
    first = MEAN + SCALE * (z[:, -1] @ skip + h @ W + b)
    np.testing.assert_allclose(network(x)[:, 0], first, rtol=1e-4)


def test_a_missing_value_is_the_models_own_forecast_of_it(model):
    x = series(1, 6)
    gap = x.copy()
    gap[0, 4, 1] = np.nan
    filled = x.copy()
    filled[0, 4, 1] = model(x)[0, 3, 1]
    np.testing.assert_allclose(model.forecast(gap, 3), model.forecast(filled, 3), rtol=1e-4)
    np.testing.assert_allclose(
        model.forecast(np.where(np.isnan(gap), -np.inf, gap), 3), model.forecast(gap, 3)
    )


def test_the_end_is_missing_as_if_it_had_not_come_yet(model):
    x = series(1, 6)
    x[0, 4:] = np.nan
    # Two steps later, with room for the same four values.
    np.testing.assert_allclose(
        model.forecast(x, 2), model.forecast(x[:, :4], 4)[:, 2:], rtol=1e-5, atol=1e-4
    )


@settings(max_examples=20)
@given(st.integers(0, 6), st.integers(0, 3), st.integers(0, 3))
def test_padding_changes_nothing(model, length, left, right):
    x = series(1, length)
    padded = np.pad(x, [(0, 0), (left, 0), (0, 0)], constant_values=np.nan)
    padded = np.pad(padded, [(0, 0), (0, right), (0, 0)], constant_values=7)
    told = model.forecast(padded, 3, num_values=np.int32([left + length]))
    np.testing.assert_allclose(told, model.forecast(x, 3), rtol=1e-5, atol=1e-4)


def test_a_row_without_values_goes_on_from_the_training_mean(model):
    expected = model(np.full([1, 1, 2], MEAN, "float32"))
    for shape in ((1, 0, 2), (1, 9, 2)):
        told = model.forecast(np.full(shape, np.nan, "float32"), 4)
        np.testing.assert_allclose(told, expected, rtol=1e-5)


def test_dropout_acts_in_training_alone():
    model = lively(Forecaster(2, lookback=6, units=16, dropout=0.5))
    x = series(1, 6)
    assert np.array_equal(model(x), model(x))
    assert not np.array_equal(model(x, training=True), model(x, training=True))


def test_saved_and_loaded(tmp_path, model):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = series(2, 6)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.get_config() == model.get_config()


@pytest.mark.parametrize("name", ["num_columns", "lookback", "steps_ahead"])
def test_arguments_that_break_their_rule(name):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        Forecaster(**{"num_columns": 1, "lookback": 2, name: 0})
