"""tfseq.RNN as part of something larger: models, wrappers, stacked cells, batches in a row."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from step_loop import UNITS, loop, sequences

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers import RNN

CELLS = {
    "rnn": SimpleRNNCell,
    "gru": GRUCell,
    "gru_textbook": lambda units: GRUCell(units, reset_after=False),
    "lstm": LSTMCell,
}


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_stateful_layer_goes_on_where_it_stopped(name):
    x = sequences(steps=6)
    layer = RNN(CELLS[name](UNITS), return_sequences=True, stateful=True)
    whole = layer(x)
    layer.reset_state()
    parts = [layer(x[:, :2]), layer(x[:, 2:2]), layer(x[:, 2:])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5, atol=1e-6)
    again = layer(x)
    assert not np.allclose(again, whole)

    dynamic = tf.function(layer, input_signature=[tf.TensorSpec([3, None, 2])])
    layer.reset_state()
    parts = [dynamic(x[:, :2]), dynamic(x[:, 2:2]), dynamic(x[:, 2:])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5, atol=1e-6)

    with pytest.raises(ValueError, match="batch size"):
        layer(x[:2])


def test_the_number_of_parameters_does_not_depend_on_the_number_of_steps():
    counts = set()
    for steps in (1, 7, 50):
        layer = RNN(GRUCell(UNITS))
        layer(sequences(steps=steps))
        counts.add(layer.count_params())
    assert counts == {2 * 12 + 4 * 12 + 2 * 12}


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("layer_class", [RNN, keras.layers.RNN])
def test_inside_bidirectional(name, layer_class):
    layer = layer_class(CELLS[name](UNITS), return_sequences=True, return_state=True)
    both = keras.layers.Bidirectional(layer)
    x = sequences()
    mask = np.arange(5) < np.array([[2], [5], [1]])
    outputs, *states = both(x, mask=mask)
    zeros = [np.zeros((3, UNITS), "float32") for _ in layer.state_size]
    forward, f = loop(both.forward_layer.cell, x, zeros, mask, False, True)
    backward, b = loop(both.backward_layer.cell, x, zeros, mask, True, True)
    expected = np.concatenate([forward, backward[:, ::-1]], axis=-1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(states, [*f, *b], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer_class", [RNN, keras.layers.RNN])
def test_inside_stacked_cells(layer_class):
    cells = [SimpleRNNCell(UNITS), LSTMCell(UNITS), keras.layers.GRUCell(UNITS)]
    layer = layer_class(keras.layers.StackedRNNCells(cells), True)
    x = expected = sequences()
    outputs = layer(x)
    for cell in cells:
        states = [np.zeros((3, UNITS), "float32")] * len(tf.nest.flatten(cell.state_size))
        expected, _ = loop(cell, expected, states)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("nested", [list, tuple])
def test_states_of_stacked_cells_carry_a_sequence_over_a_cut(nested):
    layer = RNN([LSTMCell(UNITS), GRUCell(3)], return_sequences=True, return_state=True)
    x = sequences(steps=6)
    whole, *final = layer(x)
    first, *between = layer(x[:, :2], initial_state=layer.get_initial_state(3))
    between = nested(nested(states) for states in between)
    second, *after = layer(x[:, 2:], initial_state=between)
    np.testing.assert_allclose(tf.concat([first, second], 1), whole, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(tf.nest.flatten(after), tf.nest.flatten(final), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_states_of_stateful_stacked_cells_are_set_to_zero():
    layer = RNN([LSTMCell(UNITS), GRUCell(3)], stateful=True)
    first = np.asarray(layer(sequences()))
    assert not np.allclose(layer(sequences()), first)
    layer.reset_state()
    np.testing.assert_array_equal(layer(sequences()), first)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [
        ("rnn", False),
        ("gru", False),
        ("gru_textbook", False),
        ("lstm", False),
        ("lstm", True),
    ],
)
def test_training_equals_that_of_keras_cells_and_survives_saving(name, jit_compile, tmp_path):
    """Same weights, same data, same optimizer: the same losses; then a .keras round trip."""
    keras_cells = {
        "rnn": keras.layers.SimpleRNNCell,
        "gru": keras.layers.GRUCell,
        "gru_textbook": lambda units: keras.layers.GRUCell(units, reset_after=False),
        "lstm": keras.layers.LSTMCell,
    }
    x, y = sequences(16), sequences(16, features=1, seed=3)

    def model_of(layer, jit_compile):
        model = keras.Sequential(
            [keras.Input((None, 2)), keras.layers.Masking(), layer, keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.SGD(0.05), "mse", jit_compile=jit_compile)
        return model

    ours = model_of(RNN(CELLS[name](UNITS), return_sequences=True), jit_compile)
    theirs = model_of(keras.layers.RNN(keras_cells[name](UNITS), return_sequences=True), False)
    theirs.set_weights(ours.get_weights())
    options = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0}
    losses = ours.fit(x, y, **options).history["loss"]
    np.testing.assert_allclose(losses, theirs.fit(x, y, **options).history["loss"], rtol=1e-5)
    assert losses[-1] < losses[0]

    ours.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[1]) is RNN
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), ours.predict(x, verbose=0))


@pytest.mark.parametrize("with_state", [False, True])
def test_mask_of_an_embedding_is_used(with_state):
    """keras.layers.RNN loses it where a state is given as well."""
    ids = np.array([[3, 1, 0, 0], [2, 2, 1, 3]])
    embedding = keras.layers.Embedding(4, 2, mask_zero=True)
    inputs, state = keras.Input((None,), dtype="int32"), keras.Input((UNITS,))
    outputs = RNN(GRUCell(UNITS))(embedding(inputs), initial_state=state if with_state else None)
    model = keras.Model([inputs, state], outputs)
    before = np.full((2, UNITS), 0.5, "float32")
    full, short = model([ids, before]), model([ids[:1, :2], before[:1]])
    np.testing.assert_allclose(full[0], short[0], rtol=1e-5, atol=1e-7)
