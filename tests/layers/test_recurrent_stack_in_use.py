"""RecurrentStack as part of something larger: models, wrappers, batches in a row, saved files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from stack_helpers import UNITS, assert_states_equal, by_hand, relu_cell, sequences, wide_cell

from tfseq.cells import GRUCell
from tfseq.layers import RecurrentStack


@pytest.mark.slow
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


def test_stateful_stack_goes_on_where_it_stopped():
    stack = RecurrentStack("lstm", UNITS, 2, stateful=True, return_state=False)
    assert stack.states is None
    x = sequences(steps=6)
    whole = stack(x)
    assert [[s.shape for s in pair] for pair in stack.states] == [[(3, UNITS)] * 2] * 2
    stack.reset_state()
    parts = [stack(x[:, :2]), stack(x[:, 2:])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
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

        # Not `fit`, which compiles nothing once a test has asked for deterministic operations.
        @tf.function(jit_compile=jit_compile, autograph=False)
        def step(model=model):
            variables = [v.value for v in model.trainable_variables]
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x, training=True) - x[:, :, :1]) ** 2)
            for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                variable.assign_sub(0.1 * gradient)
            return loss

        losses.append([float(step()) for _ in range(3)])
    assert losses[0][0] > losses[0][1] > losses[0][2]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
