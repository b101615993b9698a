"""tfseq.RNN against a hand-written loop and against keras.layers.RNN."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers import RNN

CELLS = {
    "rnn": SimpleRNNCell,
    "gru": GRUCell,
    "gru_textbook": lambda units, **kw: GRUCell(units, reset_after=False, **kw),
    "lstm": LSTMCell,
    "keras_gru": keras.layers.GRUCell,
}
UNITS = 4


def sequences(batch=3, steps=5, features=2, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, features)).astype("float32")


def states_like(cell, batch=3, seed=1):
    rng = np.random.default_rng(seed)
    count = len(tf.nest.flatten(cell.state_size))
    return [rng.normal(size=(batch, UNITS)).astype("float32") for _ in range(count)]


def loop(cell, x, states, mask=None, go_backwards=False, zero_output_for_mask=False):
    """The layer, one step and one call of the cell at a time."""
    order = range(x.shape[1])[:: -1 if go_backwards else 1]
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    before, outputs = np.zeros((len(x), UNITS), "float32"), []
    for t in order:
        output, new_states = cell(x[:, t], states)
        real = mask[:, t, None]
        states = [np.where(real, new, old) for new, old in zip(new_states, states, strict=True)]
        output = np.where(real, output, 0 if zero_output_for_mask else before)
        before = output
        outputs.append(output)
    return np.stack(outputs, axis=1), states


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
    forward, *f = loop(both.forward_layer.cell, x, zeros(layer), mask, zero_output_for_mask=True)
    backward, *b = loop(
        both.backward_layer.cell,
        x,
        zeros(layer),
        mask,
        go_backwards=True,
        zero_output_for_mask=True,
    )
    expected = np.concatenate([forward, backward[:, ::-1]], axis=-1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(states, [*f[0], *b[0]], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def zeros(layer):
    return [np.zeros((3, UNITS), "float32") for _ in layer.state_size]


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


@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [
        ("rnn", False),
        ("gru", False),
        ("gru", True),
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


def test_mask_of_an_embedding_is_used():
    ids = np.array([[3, 1, 0, 0], [2, 2, 1, 3]])
    embedding = keras.layers.Embedding(4, 2, mask_zero=True)
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, RNN(GRUCell(UNITS))(embedding(inputs)))
    full, short = model.predict(ids, verbose=0), model.predict(ids[:1, :2], verbose=0)
    np.testing.assert_allclose(full[0], short[0], rtol=1e-5, atol=1e-7)


class NoStateSize(keras.layers.Layer):
    def call(self, inputs, states):
        return inputs, states


def test_a_cell_without_state_size():
    with pytest.raises(ValueError, match=r"`state_size`.*Received: cell=.*NoStateSize"):
        RNN(NoStateSize())
    with pytest.raises(ValueError, match=r"`cell` should have a `call`.*Received: cell=12"):
        RNN(12)


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("shape", [(3, 2), (3,)])
def test_wrong_rank(shape, built):
    layer = RNN(GRUCell(UNITS))
    if built:
        layer(sequences())
    message = r"`sequences` must have the shape \[batch, time, features\]\. Received: shape="
    with pytest.raises(ValueError, match=message):
        layer(np.ones(shape, "float32"))


def test_wrong_features():
    layer = RNN(GRUCell(UNITS))
    layer(sequences())
    with pytest.raises(ValueError, match=r"\[batch, 2\].*Received: shape=\(3, 7\)"):
        layer(sequences(features=7))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 4)], r"`initial_state` must hold 2 tensor\(s\).*Received: 1"),
        ([(3, 4)] * 3, r"`initial_state` must hold 2 tensor\(s\).*Received: 3"),
        ([(3, 4), (3, 5)], r"`initial_state` must have the shape \[3, 4\].*shape=\(3, 5\)"),
        ([(3, 4), (2, 4)], r"`initial_state` must have the shape \[3, 4\].*shape=\(2, 4\)"),
        ([(3, 4), (4,)], r"`initial_state` must have the shape \[3, 4\].*shape=\(4,\)"),
    ],
)
def test_wrong_states(shapes, message):
    states = [np.ones(shape, "float32") for shape in shapes]
    with pytest.raises(ValueError, match=message):
        RNN(LSTMCell(UNITS))(sequences(), initial_state=states)
