"""RecurrentStack against layers of Keras put together by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers import RNN, RecurrentStack

UNITS = 4


@keras.saving.register_keras_serializable(package="tests")
def relu_cell(units):
    return SimpleRNNCell(units, activation="relu")


@keras.saving.register_keras_serializable(package="tests")
def wide_cell(units):
    """A cell whose output is not as wide as `units`."""
    return GRUCell(3 * units, reset_after=False)


def sequences(batch=3, steps=5, features=2, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, features)).astype("float32")


def by_hand(stack, x, mask=None):
    """The same network of keras.layers.RNN, around the cells of the stack."""
    directions = 2 if stack.bidirectional else 1
    states = []
    for i in range(stack.num_layers):
        outputs = []
        for rnn in stack.rnns[directions * i : directions * (i + 1)]:
            layer = keras.layers.RNN(
                rnn.cell,
                return_sequences=True,
                return_state=True,
                go_backwards=rnn.go_backwards,
                zero_output_for_mask=True,
            )
            y, *state = layer(x, mask=mask)
            outputs.append(y[:, ::-1] if rnn.go_backwards else y)
            states.append(state)
        x = np.concatenate(outputs, axis=-1)
    return x, states


def assert_states_equal(ours, theirs, atol=1e-6):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        a = a if isinstance(a, list) else [a]
        for one, other in zip(a, b, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=atol)


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
    read = np.unique(np.concatenate([np.ravel(s) for s in seen if s.shape[1] == 50]))
    np.testing.assert_allclose(read, [0, 1 / 0.75], rtol=1e-6)
    zeros = np.mean([np.mean(s == 0) for s in seen if s.shape[1] == 50])
    assert abs(zeros - 0.25) < 0.02
    plain, _ = two(np.ones((40, 4, 1), "float32"), training=False)
    np.testing.assert_array_equal(plain, outputs)


def test_sequential_model_trains_with_masks():
    x = sequences(8)
    x[0, 3:] = 0
    model = keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.Masking(),
            RecurrentStack("gru", UNITS, 2, bidirectional=True, dropout=0.2, return_state=False),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
    losses = model.fit(x, x[:, :, :1], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    # The padded end of row 0 is masked: without it, the real steps come out the same.
    short, whole = model(x[:1, :3]), model(x)
    np.testing.assert_allclose(whole[0, :3], short[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cell_type", ["lstm", relu_cell, wide_cell])
def test_functional_model_round_trip(cell_type, tmp_path):
    inputs = keras.Input((None, 2))
    stack = RecurrentStack(cell_type, UNITS, 2, bidirectional=True, dropout=0.1)
    outputs, states = stack(inputs)
    model = keras.Model(inputs, [outputs, states])
    assert model.output[0].shape == (None, None, 24 if cell_type is wide_cell else 8)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    copy = loaded.layers[1]
    assert copy.get_config() == stack.get_config()
    assert copy.cell_type == cell_type
    x = sequences()
    for a, b in zip(tf.nest.flatten(loaded(x)), tf.nest.flatten(model(x)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_symbolic_states_and_the_mask_of_an_embedding(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    given = [[keras.Input((UNITS,)), keras.Input((UNITS,))] for _ in range(2)]
    embedding = keras.layers.Embedding(5, 2, mask_zero=True)
    stack = RecurrentStack("lstm", UNITS, 2)
    model = keras.Model([ids, given], stack(embedding(ids), initial_state=given))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    batch, states = np.array([[3, 1, 0], [2, 4, 1]]), [[np.full((2, UNITS), 0.5)] * 2] * 2
    outputs, final = loaded([batch, states])
    expected, expected_final = stack(
        embedding(batch), initial_state=states, mask=np.array([[1, 1, 0], [1, 1, 1]], bool)
    )
    np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_array_equal(outputs[0, 2], np.zeros(UNITS))
    assert_states_equal(final, expected_final, atol=0)


def test_unregistered_cell_type_cannot_be_saved():
    stack = RecurrentStack(lambda units: GRUCell(units), UNITS)
    with pytest.raises(ValueError, match=r"`cell_type` must be registered .*Received: cell_type="):
        stack.get_config()


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


def test_inside_bidirectional_of_keras():
    both = keras.layers.Bidirectional(RecurrentStack("gru", UNITS, 2, return_state=False))
    x = sequences()
    outputs = both(x)
    forward, _ = by_hand(both.forward_layer, x)
    backward, _ = by_hand(both.backward_layer, x[:, ::-1])
    expected = np.concatenate([forward, backward[:, ::-1]], axis=-1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_inside_bidirectional_of_keras_in_a_functional_model(tmp_path):
    """With the states, which is the default, with given ones, and after a round trip."""
    inputs = keras.Input((None, 2))
    both = keras.layers.Bidirectional(RecurrentStack("lstm", UNITS, 2))
    outputs, forward, backward = both(inputs)
    assert outputs.shape == (None, None, 2 * UNITS)
    assert [[s.shape for s in pair] for pair in backward] == [[(None, UNITS)] * 2] * 2
    model = keras.Model(inputs, [outputs, forward, backward])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    x = sequences()
    y, f = both.forward_layer(x)
    y_back, b = both.backward_layer(x)
    expected = [np.concatenate([y, y_back[:, ::-1]], axis=-1), f, b]
    for found in (
        model(x),
        loaded(x),
        both(x, initial_state=both.forward_layer.get_initial_state(3) * 2),
    ):
        for ours, theirs in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell_type", ["gru", "lstm", wide_cell])
@pytest.mark.parametrize("return_state", [True, False])
def test_output_shape_is_that_of_the_outputs(cell_type, return_state):
    stack = RecurrentStack(cell_type, UNITS, 2, bidirectional=True, return_state=return_state)
    shapes = stack.compute_output_shape((3, 5, 2))
    found = tf.nest.map_structure(lambda t: t.shape, stack(sequences()))
    assert str(tf.nest.map_structure(tuple, found)) == str(shapes)


def test_stateful_stack_goes_on_where_it_stopped():
    stack = RecurrentStack("lstm", UNITS, 2, stateful=True, return_state=False)
    assert stack.states is None
    x = sequences(steps=6)
    whole = stack(x)
    assert [[s.shape for s in pair] for pair in stack.states] == [[(3, UNITS)] * 2] * 2
    stack.reset_state()
    parts = [stack(x[:, :2]), stack(x[:, 2:])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5, atol=1e-6)


def test_training_compiled_equals_training_that_is_not():
    x, losses, weights = sequences(8), [], None
    for jit_compile in (False, True):
        model = keras.Sequential(
            [
                keras.Input((5, 2)),
                RecurrentStack("lstm", UNITS, 2, return_state=False),
                keras.layers.Dense(1),
            ]
        )
        weights = weights or model.get_weights()
        model.set_weights(weights)
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        history = model.fit(x, x[:, :, :1], epochs=3, shuffle=False, verbose=0).history
        losses.append(history["loss"])
    assert losses[0][0] > losses[0][1] > losses[0][2]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


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
