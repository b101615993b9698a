"""tfseq.RNN against a hand-written loop and against keras.layers.RNN."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from step_loop import UNITS, loop, sequences

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers import RNN

CELLS = {
    "rnn": SimpleRNNCell,
    "gru": GRUCell,
    "gru_textbook": lambda units, **kw: GRUCell(units, reset_after=False, **kw),
    "lstm": LSTMCell,
    "keras_gru": keras.layers.GRUCell,
}


def states_like(cell, batch=3, seed=1):
    rng = np.random.default_rng(seed)
    count = len(tf.nest.flatten(cell.state_size))
    return [rng.normal(size=(batch, UNITS)).astype("float32") for _ in range(count)]


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize(
    ("go_backwards", "masked", "zeros"),
    [(False, False, False), (True, False, False), (False, True, False), (True, True, True)],
)
@pytest.mark.parametrize("name", CELLS)
def test_equals_the_cell_step_by_step(name, go_backwards, masked, zeros, unroll):
    cell = CELLS[name](UNITS)
    layer = RNN(
        cell,
        return_sequences=True,
        return_state=True,
        go_backwards=go_backwards,
        unroll=unroll,
        zero_output_for_mask=zeros,
    )
    x, states = sequences(), states_like(cell)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 1]], bool) if masked else None
    outputs, *final = layer(x, initial_state=states, mask=mask)
    expected, expected_final = loop(cell, x, states, mask, go_backwards, zeros)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(final, expected_final, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


FLAGS = ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")


def assert_equals_the_layer_of_keras(cell, flags, wrap, atol=1e-6):
    x = sequences()
    mask = np.arange(5) < np.array([[2], [5], [0]])
    options = dict(zip(FLAGS, flags, strict=True)) | {"dtype": cell.dtype_policy}
    expected = tf.nest.flatten(keras.layers.RNN(cell, **options)(x, mask=mask))
    found = tf.nest.flatten(wrap(RNN(cell, **options))(x, mask))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        a, b = tf.cast(a, "float32"), tf.cast(b, "float32")
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=4)))
def test_equals_the_layer_of_keras_under_every_flag(flags):
    assert_equals_the_layer_of_keras(LSTMCell(UNITS), flags, call_of)


def call_of(layer):
    return lambda x, mask: layer(x, mask=mask)


@pytest.mark.everyday(4)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("mode", ["eager", "traced", "dynamic", "compiled"])
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_equals_the_layer_of_keras_in_graphs_and_bfloat16(name, mode, dtype):
    signature = None
    if mode == "dynamic":
        signature = [tf.TensorSpec([None, None, 2]), tf.TensorSpec([None, None], "bool")]

    def wrap(layer):
        if mode == "eager":
            return call_of(layer)
        return tf.function(
            call_of(layer), input_signature=signature, jit_compile=mode == "compiled"
        )

    cell = CELLS[name](UNITS, dtype=dtype)
    # A rounding to bfloat16 may fall either way where XLA fuses operations.
    atol = 1e-6 if dtype == "float32" else 0.02
    assert_equals_the_layer_of_keras(cell, (True, True, True, False), wrap, atol)


@pytest.mark.everyday(5)
@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("mode", ["eager", "traced", "dynamic", "dynamic_compiled"])
@pytest.mark.parametrize("name", CELLS)
def test_empty_time_axis_and_empty_batch(name, mode, return_sequences):
    cell = CELLS[name](UNITS)
    layer = RNN(cell, return_sequences=return_sequences, return_state=True)
    full, states = sequences(), states_like(cell)
    layer(full)

    def call(x, states, mask):
        return layer(x, initial_state=states, mask=mask)

    signature = None
    if mode.startswith("dynamic"):
        signature = [
            tf.TensorSpec([None, None, 2]),
            [tf.TensorSpec([None, UNITS])] * len(states),
            tf.TensorSpec([None, None], "bool"),
        ]
    if mode != "eager":
        call = tf.function(call, input_signature=signature, jit_compile=mode.endswith("compiled"))
    for batch, steps in [(3, 0), (0, 5), (0, 0), (3, 5)]:
        x, before = full[:batch, :steps], [s[:batch] for s in states]
        outputs, *after = call(x, before, np.ones((batch, steps), bool))
        assert outputs.shape == ((batch, steps, UNITS) if return_sequences else (batch, UNITS))
        for a, b in zip(after, before, strict=True):
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            if steps == 0:
                np.testing.assert_array_equal(a, b)
        if steps == 0 and not return_sequences:
            np.testing.assert_array_equal(outputs, np.zeros((batch, UNITS)))


def test_empty_time_axis_without_a_mask_or_states():
    layer = RNN(LSTMCell(UNITS))
    np.testing.assert_array_equal(layer(sequences(steps=0)), np.zeros((3, UNITS)))
    stepwise = tf.function(layer, input_signature=[tf.TensorSpec([None, None, 2])])
    np.testing.assert_array_equal(stepwise(sequences(steps=0)), np.zeros((3, UNITS)))
    np.testing.assert_allclose(stepwise(sequences()), layer(sequences()), rtol=1e-5)


@pytest.mark.parametrize("return_sequences", [True, False])
def test_empty_time_axis_without_a_mask_leaves_the_states(return_sequences):
    layer = RNN(LSTMCell(UNITS), return_sequences=return_sequences, return_state=True)
    states = states_like(layer.cell)

    def call(x):
        return layer(x, initial_state=states)

    for run in (call, tf.function(call, input_signature=[tf.TensorSpec([None, None, 2])])):
        outputs, *after = run(sequences(steps=0))
        assert outputs.shape == ((3, 0, UNITS) if return_sequences else (3, UNITS))
        assert not np.any(outputs)
        for a, b in zip(after, states, strict=True):
            np.testing.assert_array_equal(a, b)


def test_gradients_pass_through_a_dynamic_time_axis():
    layer = RNN(LSTMCell(UNITS), return_sequences=True)
    layer.build((None, None, 2))
    variables = [v.value for v in layer.trainable_variables]

    def gradients(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, variables)

    dynamic = tf.function(gradients, input_signature=[tf.TensorSpec([None, None, 2])])
    for ours, expected in zip(dynamic(sequences()), gradients(sequences()), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
    for none in dynamic(sequences(steps=0)):
        np.testing.assert_array_equal(none, np.zeros(none.shape))


@functools.cache
def masked_and_dynamic(name):
    layer = RNN(CELLS[name](UNITS), return_state=True)
    layer.build((None, None, 2))
    signature = [tf.TensorSpec([None, None, 2]), tf.TensorSpec([None, None], "bool")]
    return tf.function(call_of(layer), input_signature=signature)


@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    name=st.sampled_from(["rnn", "gru", "lstm"]),
)
@settings(max_examples=25, deadline=None)
def test_padding_under_the_mask_changes_nothing(lengths, name):
    """Each row of a padded batch ends in the state of the row run alone at its own length."""
    run = masked_and_dynamic(name)
    x = sequences(len(lengths), 6)
    mask = np.arange(6) < np.array(lengths)[:, None]
    _, *together = run(np.where(mask[..., None], x, np.float32(1e6)), mask)
    for row, length in enumerate(lengths):
        _, *alone = run(x[row : row + 1, :length], np.ones((1, length), bool))
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[row], b[0], rtol=1e-5, atol=1e-6)
