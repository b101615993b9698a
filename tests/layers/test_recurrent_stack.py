"""RecurrentStack against layers of Keras put together by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from stack_helpers import UNITS, assert_states_equal, by_hand, relu_cell, sequences, wide_cell

from tfseq.cells import LSTMCell
from tfseq.layers import RNN, RecurrentStack


@pytest.mark.everyday(15)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("cell_type", ["rnn", "gru", "lstm", relu_cell, wide_cell])
def test_equals_the_layers_put_together(cell_type, num_layers, bidirectional, masked):
    stack = RecurrentStack(cell_type, UNITS, num_layers, bidirectional)
    x = sequences()
    mask = np.array([[1, 1, 0, 0, 0], [1] * 5, [1, 0, 1, 1, 0]], bool) if masked else None
    outputs, states = stack(x, mask=mask)
    expected, expected_states = by_hand(stack, x, mask)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    assert_states_equal(states, expected_states)
    width = 12 if cell_type is wide_cell else UNITS
    assert outputs.shape == (3, 5, width * (2 if bidirectional else 1))
    if masked:
        np.testing.assert_array_equal(np.asarray(outputs)[~mask], 0)


@pytest.mark.parametrize("cell_type", ["gru", "lstm"])
def test_states_carry_a_sequence_over_a_cut(cell_type):
    stack = RecurrentStack(cell_type, UNITS, 2)
    x = sequences(steps=8)
    whole, final = stack(x)
    first, states = stack(x[:, :3], initial_state=stack.get_initial_state(3))
    second, states = stack(x[:, 3:], initial_state=states)
    np.testing.assert_allclose(tf.concat([first, second], 1), whole, rtol=1e-5, atol=1e-6)
    assert_states_equal(states, [s if isinstance(s, list) else [s] for s in final])


@pytest.mark.parametrize(
    ("bidirectional", "mode"),
    [(False, "eager"), (True, "eager"), (True, "dynamic"), (False, "dynamic_compiled")],
)
def test_empty_time_axis_and_empty_batch(bidirectional, mode):
    stack = RecurrentStack("lstm", UNITS, 2, bidirectional)
    stack.build((None, None, 2))

    def call(x, states):
        return stack(x, initial_state=states)

    if mode != "eager":
        state = [tf.TensorSpec([None, UNITS])] * 2
        call = tf.function(
            call,
            input_signature=[tf.TensorSpec([None, None, 2]), [state] * len(stack.rnns)],
            jit_compile=mode == "dynamic_compiled",
        )
    width = UNITS * (2 if bidirectional else 1)
    for batch, steps in [(3, 0), (0, 5), (0, 0), (3, 5)]:
        before = [[np.full((batch, UNITS), i, "float32")] * 2 for i in range(len(stack.rnns))]
        outputs, after = call(sequences(batch, steps), before)
        assert outputs.shape == (batch, steps, width)
        assert [[s.shape for s in pair] for pair in after] == [[(batch, UNITS)] * 2] * len(after)
        if steps == 0:
            assert_states_equal(after, before, atol=0)


def test_dropout_lies_between_layers_and_not_after_the_last():
    x = sequences(2, 4, 3)
    one = RecurrentStack("gru", UNITS, 1, dropout=0.9)
    np.testing.assert_array_equal(one(x, training=True)[0], one(x)[0])

    # A first layer that gives ones: what the second one reads is the mask of the dropout.
    seen = []

    class Ones(keras.layers.Layer):
        state_size = output_size = 50

        def call(self, inputs, states):
            seen.append(inputs)
            return inputs[:, :1] * 0 + tf.ones((1, 50)), states

    two = RecurrentStack(lambda units: Ones(), 50, 3, dropout=0.25)
    outputs, _ = two(np.ones((40, 4, 1), "float32"), training=True)
    np.testing.assert_array_equal(outputs, np.ones((40, 4, 50)))
    assert all(np.all(s == 1) for s in seen if s.shape[1] == 1)
    read = np.unique(np.concatenate([np.ravel(s) for s in seen if s.shape[1] == 50]))
    np.testing.assert_allclose(read, [0, 1 / 0.75], rtol=1e-6)
    zeros = np.mean([np.mean(s == 0) for s in seen if s.shape[1] == 50])
    assert abs(zeros - 0.25) < 0.02
    plain, _ = two(np.ones((40, 4, 1), "float32"), training=False)
    np.testing.assert_array_equal(plain, outputs)


def test_mixed_precision():
    x = sequences()
    full = RecurrentStack("lstm", UNITS, 2, bidirectional=True)
    half = RecurrentStack("lstm", UNITS, 2, bidirectional=True, dtype="mixed_bfloat16")
    expected, _ = full(x)
    half.build(x.shape)
    half.set_weights(full.get_weights())
    outputs, states = half(x)
    assert {w.dtype for w in half.weights} == {"float32"}
    assert {s.dtype for s in tf.nest.flatten([outputs, states])} == {tf.bfloat16}
    np.testing.assert_allclose(tf.cast(outputs, "float32"), expected, atol=0.02)


def test_backwards_stack_reads_the_reversed_sequence():
    forward = RecurrentStack("lstm", UNITS, 2)
    backward = RecurrentStack("lstm", UNITS, 2, go_backwards=True)
    x, mask = sequences(), np.arange(5) < np.array([[2], [5], [3]])
    expected, expected_states = forward(x[:, ::-1], mask=mask[:, ::-1])
    backward.build(x.shape)
    backward.set_weights(forward.get_weights())
    outputs, states = backward(x, mask=mask)
    np.testing.assert_array_equal(outputs, expected)
    assert_states_equal(states, expected_states, atol=0)
    np.testing.assert_array_equal(backward.compute_mask(x, tf.constant(mask)), mask[:, ::-1])


@pytest.mark.parametrize("cell_type", ["gru", "lstm", wide_cell])
@pytest.mark.parametrize("return_state", [True, False])
def test_output_shape_is_that_of_the_outputs(cell_type, return_state):
    stack = RecurrentStack(cell_type, UNITS, 2, bidirectional=True, return_state=return_state)
    shapes = stack.compute_output_shape((3, 5, 2))
    found = tf.nest.map_structure(lambda t: t.shape, stack(sequences()))
    assert str(tf.nest.map_structure(tuple, found)) == str(shapes)


@pytest.mark.parametrize("cell_type", ["rnn", "gru", "lstm", wide_cell])
def test_single_steps_equal_the_sequence(cell_type):
    stack = RecurrentStack(cell_type, UNITS, 2, dropout=0.5)
    x = sequences()
    outputs, final = stack(x)
    states = stack.get_initial_state(3)
    for t in range(x.shape[1]):
        output, states = stack.step(x[:, t], states)
        np.testing.assert_allclose(output, outputs[:, t], rtol=1e-5, atol=1e-6)
    assert_states_equal(states, [s if isinstance(s, list) else [s] for s in final])


def test_single_steps_need_one_direction_and_fitting_states():
    both = RecurrentStack("gru", UNITS, bidirectional=True)
    both(sequences())
    with pytest.raises(ValueError, match=r"`bidirectional` must be False.*Received: bidirectional"):
        both.step(sequences()[:, 0], both.get_initial_state(3))
    stack = RecurrentStack("gru", UNITS, 2)
    stack(sequences())
    with pytest.raises(ValueError, match=r"`states` must be a list of 2 .*Received: 1 entries"):
        stack.step(sequences()[:, 0], stack.get_initial_state(3)[:1])


def test_rnn_is_the_loop():
    assert all(type(rnn) is RNN for rnn in RecurrentStack("gru", UNITS, 2).rnns)
    assert isinstance(RecurrentStack("lstm", UNITS).rnns[0].cell, LSTMCell)
