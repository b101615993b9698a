"""minGRU, minLSTM, RG-LRU, the layer-normalised and the Mogrifier LSTM: one step, and in layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy_equations import layer_norm_lstm, lstm, min_gru, min_lstm, mogrifier, rg_lru

import tfseq
from tfseq.cells import LayerNormLSTMCell, MinGRUCell, MinLSTMCell, MogrifierCell, RGLRUCell
from tfseq.interop import load_keras_weights, load_torch_weights, torch_state_dict

CELLS = {
    "min_gru": (MinGRUCell, min_gru),
    "min_lstm": (MinLSTMCell, min_lstm),
    "rg_lru": (RGLRUCell, rg_lru),
    "layer_norm_lstm": (LayerNormLSTMCell, layer_norm_lstm),
    "mogrifier": (MogrifierCell, mogrifier),
}
LINEAR = ("min_gru", "min_lstm", "rg_lru")
UNITS, FEATURES = 4, 3


def make(name, dtype="float32", seed=0, **options):
    """A cell with random weights, an input and states."""
    rng = np.random.default_rng(seed)
    cell = CELLS[name][0](UNITS, dtype=dtype, **options)
    cell.build((None, FEATURES))
    cell.set_weights([rng.normal(size=w.shape) for w in cell.weights])
    states = [rng.normal(size=(2, UNITS)) for _ in range(cell.num_states)]
    return cell, rng.normal(size=(2, FEATURES)), states


def sequence_in_numpy(name, x, weights, states):
    outputs = []
    for t in range(x.shape[1]):
        output, states = CELLS[name][1](x[:, t], states, weights)
        outputs.append(output)
    return np.stack(outputs, 1), states


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("activation", ["tanh", None])
@pytest.mark.parametrize("name", CELLS)
def test_equations_in_float64(name, activation, use_bias):
    cell, x, states = make(name, "float64", activation=activation, use_bias=use_bias)
    expected, expected_states = CELLS[name][1](x, states, cell.get_weights(), activation)
    output, new_states = cell(x, states)
    np.testing.assert_allclose(output, expected, rtol=1e-10)
    for ours, theirs in zip(new_states, expected_states, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("name", CELLS)
def test_mixed_bfloat16_keeps_float32_weights_and_computes_in_bfloat16(name):
    cell, x, states = make(name, dtype="mixed_bfloat16")
    assert {w.dtype for w in cell.weights} == {"float32"}
    expected, expected_states = CELLS[name][1](x, states, cell.get_weights())
    output, new_states = cell(x, states)
    for ours, theirs in zip([output, *new_states], [expected, *expected_states], strict=True):
        assert ours.dtype == tf.bfloat16
        np.testing.assert_allclose(tf.cast(ours, "float32"), theirs, atol=0.08)


@pytest.mark.parametrize("name", CELLS)
def test_ids_stand_for_one_hot_rows(name):
    cell, _, states = make(name)
    output, _ = cell(np.array([2, 0]), states)
    expected, _ = cell(np.eye(3, dtype="float32")[[2, 0]], states)
    np.testing.assert_allclose(output, expected, rtol=1e-6)


def test_mogrifier_of_low_rank_and_of_no_rounds():
    cell, x, states = make("mogrifier", "float64", rank=2)
    assert [w.shape for w in cell.weights[3:7]] == [(4, 2), (2, 3), (3, 2), (2, 4)]
    W_x, W_h, b, *factors = cell.get_weights()
    products = [factors[i] @ factors[i + 1] for i in range(0, 10, 2)]
    expected, _ = mogrifier(x, states, [W_x, W_h, b, *products])
    np.testing.assert_allclose(cell(x, states)[0], expected, rtol=1e-10)
    plain, x, states = make("mogrifier", "float64", rounds=0, cap_input_gate=False)
    expected, _ = lstm(x, states, plain.get_weights())
    np.testing.assert_allclose(plain(x, states)[0], expected, rtol=1e-10)


def test_a_capped_input_gate_keeps_the_memory_within_bounds():
    largest = {}
    for cap in (True, False):
        cell, x, _ = make("mogrifier", cap_input_gate=cap)
        states = cell.get_initial_state(batch_size=2)
        for _ in range(50):
            _, states = cell(5 * x, states)
        largest[cap] = np.abs(states[1]).max()
    assert largest[True] <= 1 + 1e-5
    assert largest[False] > 2


def test_rg_lru_begins_with_what_the_paper_says():
    cell = RGLRUCell(5000)
    cell.build((None, 1))
    kept = 1 / (1 + np.exp(-cell.recurrence.numpy().astype("float64"))) ** 8
    assert 0.9 <= kept.min() < 0.901
    assert 0.998 < kept.max() <= 0.9991
    assert abs(kept.mean() - 0.9495) < 0.002


@pytest.mark.parametrize("closed", [-30, -200, -1e30])
def test_rg_lru_keeps_its_slopes_where_nothing_is_forgotten(closed):
    """Where R_t is zero in float32, √(1 − A²) is zero, and a root has no slope there."""
    cell, x, states = make("rg_lru")
    kernel, bias, recurrence = cell.get_weights()
    bias[:UNITS] = closed
    cell.set_weights([kernel, bias, recurrence])
    with tf.GradientTape() as tape:
        output, _ = cell(x, states)
    for gradient in tape.gradient(output, cell.trainable_variables):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()
    np.testing.assert_allclose(output, states[0], atol=1e-4)


def test_min_lstm_where_both_gates_are_shut():
    cell, x, states = make("min_lstm")
    kernel, bias = cell.get_weights()
    bias[: 2 * UNITS] = -300
    cell.set_weights([0 * kernel, bias])
    output, _ = cell(x, states)
    np.testing.assert_allclose(output, (states[0] + bias[2 * UNITS :]) / 2, rtol=1e-6)


@pytest.mark.parametrize("name", ["layer_norm_lstm", "mogrifier"])
def test_a_dropped_state_multiplies_no_recurrent_weights(name):
    cell, x, states = make(name, "float64")
    output, _ = cell(x, states, drop_state=lambda h: 0 * h)
    kernel, recurrent, *rest = cell.get_weights()
    expected, _ = CELLS[name][1](x, states, [kernel, 0 * recurrent, *rest])
    np.testing.assert_allclose(output, expected, rtol=1e-10)


class Halved(LayerNormLSTMCell):
    def recur(self, x, states, *weights):
        h, c = super().recur(x, states, *weights)
        return [h / 2, c]


@pytest.mark.everyday(3)
@pytest.mark.parametrize("name", CELLS)
def test_every_way_of_running_it_gives_the_same(name):
    """A hand-written loop, Keras' layer, ours, two directions, a stack of cells."""
    cell, _, _ = make(name)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 5, FEATURES)).astype("float32")
    states = cell.get_initial_state(batch_size=2)
    zeros = [np.zeros((2, UNITS))] * cell.num_states
    expected, _ = sequence_in_numpy(name, x, cell.get_weights(), zeros)
    for t in range(5):
        output, states = cell(x[:, t], states)
        np.testing.assert_allclose(output, expected[:, t], rtol=1e-4, atol=1e-5)
    for layer in (
        keras.layers.RNN(cell, return_sequences=True),
        tfseq.RNN(cell, return_sequences=True),
        keras.layers.RNN(keras.layers.StackedRNNCells([cell]), return_sequences=True),
        tfseq.RNN(keras.layers.StackedRNNCells([cell]), return_sequences=True),
    ):
        np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    layer = tfseq.RNN(cell, return_sequences=True)
    run = tf.function(lambda x: layer(x, training=True), autograph=False)
    np.testing.assert_allclose(run(x), expected, rtol=1e-4, atol=1e-5)
    assert layer.last_loop == "compiled"
    both = keras.layers.Bidirectional(tfseq.RNN(cell, return_sequences=True))
    both.build(x.shape)
    for rnn in (both.forward_layer, both.backward_layer):
        rnn.cell.set_weights(cell.get_weights())
    outputs = both(x)
    np.testing.assert_allclose(outputs[..., :UNITS], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CELLS)
def test_saved_and_loaded(name, tmp_path):
    options = {"use_bias": False, "activation": "relu"}
    if name == "mogrifier":
        options |= {"rounds": 2, "rank": 1, "cap_input_gate": False}
    if name == "layer_norm_lstm":
        options |= {"epsilon": 0.5}
    if name == "min_lstm":
        options |= {"unit_forget_bias": False}
    cell = CELLS[name][0](UNITS, **options)
    assert set(options) <= set(cell.get_config())
    model = keras.Sequential([keras.Input((None, FEATURES)), tfseq.RNN(cell)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    copy = again.layers[0].cell
    assert type(copy) is type(cell)
    assert copy.get_config() == cell.get_config()
    x = np.random.default_rng(0).normal(size=(2, 5, FEATURES)).astype("float32")
    np.testing.assert_allclose(again(x), model(x), rtol=1e-6)


def test_a_subclass_has_its_own_step():
    cell, x, states = make("layer_norm_lstm")
    half = Halved(UNITS)
    half.build((None, FEATURES))
    half.set_weights(cell.get_weights())
    np.testing.assert_allclose(half(x, states)[0], cell(x, states)[0] / 2, rtol=1e-6)


@pytest.mark.parametrize("name", LINEAR)
def test_arguments_of_a_recurrent_kernel_are_refused(name):
    cls = CELLS[name][0]
    with pytest.raises(ValueError, match=rf"{cls.__name__} has no argument `recurrent_initializer"):
        cls(4, recurrent_initializer="zeros")
    with pytest.raises(ValueError, match="no argument `dropout`: use"):
        cls(4, dropout=0.5)
    assert not any(key.startswith("recurrent_") for key in cls(4).get_config())


@pytest.mark.parametrize(
    ("cls", "options", "rule"),
    [
        (MogrifierCell, {"rounds": -1}, "`rounds` must be zero or a positive integer"),
        (MogrifierCell, {"rank": 0}, "`rank` must be a positive integer"),
        (LayerNormLSTMCell, {"epsilon": 0.0}, "`epsilon` must be a positive"),
    ],
)
def test_wrong_arguments(cls, options, rule):
    with pytest.raises(ValueError, match=rule + ".*Received: "):
        cls(4, **options)


@pytest.mark.parametrize("name", CELLS)
def test_weights_have_no_counterpart_in_keras_and_pytorch(name):
    layer = tfseq.RNN(CELLS[name][0](UNITS))
    layer.build((None, None, FEATURES))
    rule = r"must be made of SimpleRNNCell, GRUCell or LSTMCell.*Received: "
    rule += CELLS[name][0].__name__
    with pytest.raises(ValueError, match="`layer` " + rule):
        load_torch_weights(layer, {})
    with pytest.raises(ValueError, match="`layer` " + rule):
        torch_state_dict(layer)
    with pytest.raises(ValueError, match="`layer` " + rule):
        load_keras_weights(layer, keras.layers.LSTM(UNITS))
