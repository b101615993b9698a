"""Weight drop: the dropped matrix and its gradient by NumPy, in every loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from step_loop import sequences

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers import RNN, RecurrentStack
from tfseq.layers.tensorflow.dropout_mask import kept_places

X = sequences(batch=4, steps=6, features=3)
CELLS = [GRUCell, LSTMCell, SimpleRNNCell, keras.layers.GRUCell]


def make(cell, rate=0.4, **options):
    keras.utils.set_random_seed(1)
    layer = RNN(cell, return_sequences=True, weight_dropout=rate, **options)
    layer.build(X.shape)
    return layer


def mask_of(layer, rate=0.4, cell=None):
    """The mask of the next call, over 1 - rate."""
    shape = (cell or layer.cell).recurrent_kernel.shape
    kept = kept_places(list(shape), rate, layer.seed_generator.state.value)
    return np.where(kept, 1 / (1 - rate), 0).astype("float32")


def run(layer, training=True):
    with tf.GradientTape() as tape:
        y = layer(X, training=training)
        loss = tf.reduce_sum(y**2)
    return y, tape.gradient(loss, layer.trainable_variables)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.everyday(2)
def test_the_recurrent_kernel_is_masked_and_so_is_its_gradient(cell):
    plain = RNN(cell(5), return_sequences=True)
    plain.build(X.shape)
    for how, options in (("compiled", {}), ("eager", {}), ("eager", {"unroll": True})):
        layer = make(cell(5), **options)
        mask = mask_of(layer)
        assert 0.2 < np.mean(mask == 0) < 0.6
        weights = layer.get_weights()
        plain.set_weights([weights[0], weights[1] * mask, weights[2]])
        expected, gradients = run(plain)
        y, ours = (tf.function(run) if how == "compiled" else run)(layer)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-6)
        for i, (one, other) in enumerate(zip(ours, gradients, strict=True)):
            other = other * mask if i == 1 else other
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        assert layer.last_loop is None or layer.last_loop.startswith(("compiled", "keras: called"))
        assert isinstance(layer.cell.recurrent_kernel, keras.Variable)


def test_each_window_has_a_mask_of_its_own_and_inference_has_none():
    layer = make(GRUCell(5))
    traced = tf.function(lambda training: layer(X, training=training))
    first, second = traced(True), traced(True)
    assert np.abs(first - second).max() > 1e-2
    plain = RNN(GRUCell(5), return_sequences=True)
    plain.build(X.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_array_equal(traced(False), tf.function(plain)(X))


def test_stacked_cells_have_a_mask_each():
    layer = make([LSTMCell(5), GRUCell(4)])
    lower, upper = layer.cell.cells
    states = layer.seed_generator.state.value
    masks = [
        np.where(
            kept_places(
                list(c.recurrent_kernel.shape), 0.4, tf.constant([0, i], tf.int64) + states
            ),
            1 / 0.6,
            0,
        )
        for i, c in enumerate((lower, upper))
    ]
    y = tf.function(lambda: layer(X, training=True))()
    for c, mask in zip((lower, upper), masks, strict=True):
        c.recurrent_kernel.assign(c.recurrent_kernel * mask)
    np.testing.assert_allclose(y, layer(X, training=False), rtol=1e-4, atol=1e-6)


def test_a_stack_hands_it_on_and_is_saved_with_it(tmp_path):
    stack = RecurrentStack("gru", 4, num_layers=2, weight_dropout=0.3, return_state=False)
    model = keras.Sequential([keras.Input((6, 3)), stack])
    assert [rnn.weight_dropout for rnn in stack.rnns] == [0.3, 0.3]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [rnn.weight_dropout for rnn in loaded.layers[0].rnns] == [0.3, 0.3]
    np.testing.assert_allclose(loaded(X), model(X), rtol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
class Counter(keras.layers.Layer):
    state_size = 2

    def call(self, inputs, states):
        return states[0] + 1, [states[0] + 1]


def test_a_cell_without_the_weight_is_refused():
    with pytest.raises(ValueError, match=r"`weight_dropout` drops .* and Counter has no such"):
        RNN(Counter(), weight_dropout=0.5)(X)
    with pytest.raises(ValueError, match="`weight_dropout` must be at least 0 and less than 1"):
        RNN(GRUCell(3), weight_dropout=1)
