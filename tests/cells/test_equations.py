"""One step of each cell, against NumPy, against Keras' cells, and in every dtype."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_equations import gru_reset_after, gru_textbook, lstm, simple_rnn

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell

CELLS = {
    "rnn": (SimpleRNNCell, {}, simple_rnn),
    "gru_textbook": (GRUCell, {"reset_after": False}, gru_textbook),
    "gru_reset_after": (GRUCell, {"reset_after": True}, gru_reset_after),
    "lstm": (LSTMCell, {}, lstm),
}
KERAS_CELLS = {
    SimpleRNNCell: keras.layers.SimpleRNNCell,
    GRUCell: keras.layers.GRUCell,
    LSTMCell: keras.layers.LSTMCell,
}


def make(name, dtype="float32", units=4, features=3, seed=0, **options):
    """A cell with random weights and biases, an input and states."""
    rng = np.random.default_rng(seed)
    cls, form, equation = CELLS[name]
    cell = cls(units, dtype=dtype, **form, **options)
    cell.build((None, features))
    cell.set_weights([rng.normal(size=w.shape) for w in cell.weights])
    x = rng.normal(size=(2, features))
    states = [rng.normal(size=(2, units)) for _ in range(cell.num_states)]
    return cell, equation, x, states


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", None])
@pytest.mark.parametrize("name", CELLS)
def test_equations_in_float64(name, activation, use_bias):
    cell, equation, x, states = make(
        name, dtype="float64", activation=activation, use_bias=use_bias
    )
    expected, expected_states = equation(x, states, cell.get_weights(), activation)
    output, new_states = cell(x, states)
    np.testing.assert_allclose(output, expected, rtol=1e-12)
    for ours, theirs in zip(new_states, expected_states, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_mixed_bfloat16_keeps_float32_weights_and_computes_in_bfloat16(name):
    cell, equation, x, states = make(name, dtype="mixed_bfloat16")
    assert {w.dtype for w in cell.weights} == {"float32"}
    assert {s.dtype for s in cell.get_initial_state(2)} == {tf.bfloat16}
    expected, expected_states = equation(x, states, cell.get_weights())
    output, new_states = cell(x, states)
    for ours, theirs in zip([output, *new_states], [expected, *expected_states], strict=True):
        assert ours.dtype == tf.bfloat16
        # bfloat16 keeps 8 bits: sums of seven products of ordinary size are good to 5 hundredths.
        np.testing.assert_allclose(tf.cast(ours, "float32"), theirs, atol=0.05)


@pytest.mark.parametrize("mode", ["eager", "traced", "compiled"])
@pytest.mark.parametrize("name", CELLS)
def test_equals_the_cell_of_keras(name, mode):
    cell, _, x, states = make(name)
    cls, form, _ = CELLS[name]
    theirs = KERAS_CELLS[cls](4, **form)
    theirs.build((None, 3))
    theirs.set_weights(cell.get_weights())
    x, states = tf.constant(x, "float32"), [tf.constant(s, "float32") for s in states]
    step = cell if mode == "eager" else tf.function(cell, jit_compile=mode == "compiled")
    for ours, expected in zip(
        tf.nest.flatten(step(x, states)), tf.nest.flatten(theirs(x, states)), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@given(
    features=st.integers(1, 6),
    units=st.integers(1, 6),
    batch=st.integers(0, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_one_product_with_the_stacked_weights(features, units, batch, seed):
    """[X, H] · [W_xh; W_hh] = X W_xh + H W_hh."""
    rng = np.random.default_rng(seed)
    cell = SimpleRNNCell(units, activation=None, use_bias=False, dtype="float64")
    cell.build((None, features))
    W_xh, W_hh = cell.get_weights()
    X, H = rng.normal(size=(batch, features)), rng.normal(size=(batch, units))
    output, _ = cell(X, [H])
    joined = np.concatenate([X, H], axis=1) @ np.concatenate([W_xh, W_hh], axis=0)
    np.testing.assert_allclose(output, joined, rtol=1e-10, atol=1e-12)


def test_initial_weights():
    lstm_cell = LSTMCell(4)
    lstm_cell.build((None, 3))
    np.testing.assert_array_equal(lstm_cell.bias, [0] * 4 + [1] * 4 + [0] * 8)
    plain = LSTMCell(4, unit_forget_bias=False, bias_initializer=keras.initializers.Constant(2))
    plain.build((None, 3))
    np.testing.assert_array_equal(plain.bias, [2] * 16)
    gru = GRUCell(4)
    gru.build((None, 3))
    assert gru.bias.shape == (2, 12)
    assert gru.reset_after
    # An orthogonal matrix with more columns than rows has orthonormal rows.
    R = np.asarray(gru.recurrent_kernel.value)
    np.testing.assert_allclose(R @ R.T, np.eye(4), atol=1e-5)
    assert GRUCell(4, use_bias=False).bias_initializer is not None
    bare = GRUCell(4, use_bias=False)
    bare.build((None, 3))
    assert bare.bias is None
    assert len(bare.weights) == 2


@pytest.mark.parametrize("name", CELLS)
def test_config_round_trip_gives_the_same_cell(name):
    cls, form, _ = CELLS[name]
    options = {
        "activation": "relu",
        "use_bias": False,
        "kernel_initializer": "he_normal",
        "recurrent_initializer": "zeros",
        "bias_initializer": "ones",
        **form,
    }
    if cls is not SimpleRNNCell:
        options["recurrent_activation"] = "hard_sigmoid"
    if cls is LSTMCell:
        options["unit_forget_bias"] = False
    cell = cls(4, name="a_name", dtype="mixed_bfloat16", **options)
    config = keras.saving.serialize_keras_object(cell)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is cls
    assert copy.get_config() == cell.get_config()
    assert set(options) | {"units", "name", "dtype", "trainable"} <= set(cell.get_config())
    assert copy.activation is keras.activations.relu
    assert copy.dtype_policy.name == "mixed_bfloat16"
    # And it computes the same: no option is lost on the way.
    states = [np.full([2, 4], 0.5, "float32")] * cell.num_states
    x = np.linspace(-2, 2, 6, dtype="float32").reshape(2, 3)
    output, _ = cell(x, states)
    copy.build((None, 3))
    assert [w.shape for w in copy.weights] == [w.shape for w in cell.weights]
    copy.set_weights(cell.get_weights())
    np.testing.assert_array_equal(
        tf.cast(copy(x, states)[0], "float32"), tf.cast(output, "float32")
    )
    initial = cls(4, **{**options, "use_bias": True})
    again = cls.from_config(initial.get_config())
    for built in (initial, again):
        built.build((None, 3))
    np.testing.assert_array_equal(again.bias, initial.bias)
    assert initial.bias.numpy().all()


def test_a_cell_with_one_state_takes_a_tensor_for_the_list():
    cell, _, x, (h,) = make("gru_textbook")
    output, state = cell(x, tf.constant(h, "float32"))
    expected, (expected_state,) = cell(x, [h])
    np.testing.assert_array_equal(output, expected)
    np.testing.assert_array_equal(state, expected_state)


@pytest.mark.parametrize("units", [0, -3, 2.5, "4", None, True])
@pytest.mark.parametrize("cls", KERAS_CELLS)
def test_units_must_be_a_positive_integer(cls, units):
    with pytest.raises(ValueError, match=r"`units` must be a positive integer\. Received: units="):
        cls(units)


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ("dropout", r"use `tfseq\.RecurrentStack\(\.\.\., dropout=\.\.\.\)`.*{keras}"),
        ("recurrent_dropout", r"give it to the layer, `tfseq\.RNN\(cell, recurrent_dropout=...\)`"),
        (
            "return_sequences",
            r"to the layer, `tfseq\.RNN\(cell, return_sequences=\.\.\.\)`",
        ),
        ("stateful", r"`tfseq\.RNN\(cell, stateful=\.\.\.\)`"),
        ("seed", r"`keras\.utils\.set_random_seed`"),
        ("implementation", "leave it out"),
    ],
)
def test_arguments_of_keras_alone_are_refused_with_advice(argument, advice):
    class Subclass(GRUCell):
        pass

    for cls in (*KERAS_CELLS, Subclass):
        keras_name = "GRUCell" if cls is Subclass else cls.__name__
        rule = rf"{cls.__name__} has no argument `{argument}`: "
        with pytest.raises(ValueError, match=rule + f".*{advice}".format(keras=keras_name)):
            cls(4, **{argument: None})
        assert hasattr(keras.layers, keras_name)


def test_numpy_integers_are_integers():
    assert SimpleRNNCell(np.int64(4)).get_config()["units"] == 4


@pytest.mark.parametrize("value", ["tan", 3, {"a": 1}])
def test_unknown_activations(value):
    with pytest.raises(ValueError, match=r"`activation` must be .*Received: activation="):
        SimpleRNNCell(4, activation=value)
    with pytest.raises(ValueError, match=r"`recurrent_activation` must be .*Received: recurrent_"):
        GRUCell(4, recurrent_activation=value)
    with pytest.raises(ValueError, match=r"`recurrent_activation` must be .*Received: recurrent_"):
        LSTMCell(4, recurrent_activation=value)


@pytest.mark.parametrize(
    ("x_shape", "state_shapes", "message"),
    [
        ((3,), [(2, 4)] * 2, r"`inputs` of LSTMCell .*\[batch, 3\].*Received: shape=\(3,\)"),
        ((2, 5, 3), [(2, 4)] * 2, r"`inputs` of LSTMCell .*Received: shape=\(2, 5, 3\)"),
        ((2, 5), [(2, 4)] * 2, r"`inputs` of LSTMCell .*\[batch, 3\].*Received: shape=\(2, 5\)"),
        ((2, 3), [(2, 4)], r"`states` of LSTMCell must hold 2 tensor\(s\)\. Received: 1"),
        ((2, 3), [(2, 4)] * 3, r"`states` of LSTMCell must hold 2 tensor\(s\)\. Received: 3"),
        ((2, 3), [(2, 4), (2, 5)], r"`states` of LSTMCell .*\[batch, 4\].*shape=\(2, 5\)"),
        ((2, 3), [(2, 4), (4,)], r"`states` of LSTMCell .*\[batch, 4\].*shape=\(4,\)"),
        ((2, 3), [(2, 4), (3, 4)], r"as many rows as `inputs`, 2\. Received: shape=\(3, 4\)"),
        # These would broadcast, and mix up rows in silence.
        ((2, 3), [(1, 4), (2, 4)], r"as many rows as `inputs`, 2\. Received: shape=\(1, 4\)"),
        ((1, 3), [(2, 4), (2, 4)], r"as many rows as `inputs`, 1\. Received: shape=\(2, 4\)"),
    ],
)
def test_wrong_shapes_of_a_step(x_shape, state_shapes, message):
    cell, *_ = make("lstm")
    with pytest.raises(ValueError, match=message):
        cell(np.ones(x_shape, "float32"), [np.ones(s, "float32") for s in state_shapes])


@pytest.mark.parametrize("states", [None, [None]])
def test_states_that_are_no_tensors(states):
    cell, _, x, _ = make("gru_textbook")
    with pytest.raises(ValueError, match=r"`states` of GRUCell .*\[batch, 4\]\. Received: None"):
        cell(x, states)


def test_initial_states_have_the_sizes_a_subclass_says():
    class Counting(GRUCell):
        def __init__(self, units):
            super().__init__(units)
            self.state_size = [units, 7]

    h, counter = Counting(4).get_initial_state(batch_size=2)
    np.testing.assert_array_equal(h, np.zeros((2, 4)))
    np.testing.assert_array_equal(counter, np.zeros((2, 7)))


@pytest.mark.parametrize("shape", [(None,), (None, 5, 3), (None, None)])
def test_wrong_shapes_of_build(shape):
    with pytest.raises(ValueError, match=r"`inputs` of GRUCell must have the shape \[batch, feat"):
        GRUCell(4).build(shape)
