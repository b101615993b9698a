"""Loops that run segments again for their gradient, against those that keep everything."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_cells import BATCH_SIZE, CELLS, UNITS, random_like, results_and_gradients

from tfseq.cells import GRUCell, LSTMCell
from tfseq.layers import RNN, RecurrentStack, mark_lookup, portable_loops

STEPS, FEATURES = 7, 7
LARGE_BATCH = 32  # Run in two parts.


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def _inputs(batch_size=BATCH_SIZE, steps=STEPS):
    return random_like([tf.zeros([batch_size, steps, FEATURES])])[0]


def _mask(batch_size, steps=STEPS):
    return tf.constant(np.random.default_rng(2).random((batch_size, steps)) > 0.3)


def _pair(cell, x, recompute_steps, **arguments):
    """A layer that recomputes and one that does not, around one cell."""
    arguments = {"return_state": True, "return_sequences": True, **arguments}
    layers = [RNN(cell, **arguments, recompute_steps=n) for n in (recompute_steps, None)]
    for layer in layers:
        layer.build(x.shape)
    return layers


def _assert_equal(found, expected, tolerance=1e-5):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("recompute_steps", [1, 3])
def test_every_cell(name, recompute_steps):
    x = _inputs(LARGE_BATCH)
    recomputed, kept = _pair(CELLS[name](), x, recompute_steps)
    found = results_and_gradients(recomputed, x)
    assert not recomputed.last_loop.startswith("keras")
    _assert_equal(found, results_and_gradients(kept, x))


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("known_shapes", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_every_setting(masked, known_shapes, return_sequences, zero_output_for_mask):
    x = _inputs()
    flags = {
        "return_sequences": return_sequences,
        "zero_output_for_mask": zero_output_for_mask,
        "go_backwards": masked == known_shapes,
    }
    recomputed, kept = _pair(CELLS["leaky"](), x, 2, **flags)
    mask = _mask(BATCH_SIZE) if masked else None
    found = results_and_gradients(recomputed, x, mask, known_shapes)
    assert recomputed.last_loop == ("compiled" if known_shapes else "graph")
    _assert_equal(found, results_and_gradients(kept, x, mask, known_shapes))


@pytest.mark.slow
@settings(max_examples=4)
@given(
    st.sampled_from(["gru", "lstm"]),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 4),
    st.booleans(),
)
def test_any_lengths(name, steps, recompute_steps, batch_size, masked):
    x = _inputs(batch_size, steps)
    recomputed, kept = _pair(CELLS[name](), x, recompute_steps)
    mask = _mask(batch_size, steps) if masked else None
    expected = results_and_gradients(kept, x, mask, known_shapes=False)
    _assert_equal(results_and_gradients(recomputed, x, mask, known_shapes=False), expected)


def _largest_tensor(run, *arguments):
    text = run.experimental_get_compiler_ir(*arguments)(stage="hlo")
    shapes = re.findall(r"f32\[([\d,]+)\]", text)
    return max(int(np.prod(list(map(int, shape.split(","))))) for shape in shapes)


def test_what_is_kept_is_as_long_as_a_segment():
    x = _inputs(steps=64)

    def largest(layer):
        @tf.function(jit_compile=True, autograph=False)
        def run(x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x, training=True)[0])
            return tape.gradient(loss, layer.trainable_variables)

        return _largest_tensor(run, x)

    recomputed, kept = _pair(LSTMCell(UNITS), x, 8)
    # Projections: four gates wide. Else nothing is wider than inputs and outputs.
    assert largest(kept) == 64 * BATCH_SIZE * 4 * UNITS
    assert largest(recomputed) <= 64 * BATCH_SIZE * FEATURES


@pytest.mark.slow
@pytest.mark.parametrize(("embedded", "vocabulary_size"), [(True, 4), (True, 300), (False, 30)])
def test_looked_up_rows(embedded, vocabulary_size):
    generator = np.random.default_rng(4)
    ids = tf.constant(generator.integers(0, vocabulary_size, (LARGE_BATCH, STEPS)))
    table = tf.constant(generator.normal(size=(vocabulary_size, FEATURES)), tf.float32)
    layers = [RNN(GRUCell(UNITS), return_sequences=True, recompute_steps=n) for n in (3, None)]
    layers[1].cell = layers[0].cell
    for layer in layers:
        layer.build((None, None, FEATURES if embedded else vocabulary_size))

    @tf.function(autograph=False)
    def run(layer, table):
        with tf.GradientTape() as tape:
            tape.watch(table)
            rows = tf.gather(table, ids) if embedded else tf.one_hot(ids, vocabulary_size)
            y = layer(mark_lookup(rows, ids, table if embedded else None), training=True)
            loss = tf.reduce_sum(tf.sin(y))
        sources = [v.value for v in layer.trainable_variables] + ([table] if embedded else [])
        return [y, *map(tf.convert_to_tensor, tape.gradient(loss, sources))]

    _assert_equal(run(layers[0], table), run(layers[1], table), 2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("bidirectional", [False, True])
def test_fit_takes_the_same_course(bidirectional):
    x, y = random_like([tf.zeros([6, STEPS, FEATURES]), tf.zeros([6, 1])])
    losses = []
    for recompute_steps in (3, None):
        keras.utils.set_random_seed(1)
        stack = RecurrentStack(
            "lstm", UNITS, 2, bidirectional, dropout=0.3, return_state=False,
            recompute_steps=recompute_steps,
        )  # fmt: skip
        head = [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((STEPS, FEATURES), 3), stack, *head])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        losses.append(model.fit(x, y, batch_size=3, epochs=4, verbose=0).history["loss"])
    assert losses[0][-1] < losses[0][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.slow
def test_stateful():
    x = _inputs()
    recomputed, kept = _pair(GRUCell(UNITS), x, 2, stateful=True)
    for _ in range(2):
        results = [
            tf.function(layer, autograph=False)(x, training=True) for layer in (recomputed, kept)
        ]
        _assert_equal(*results)
    _assert_equal([recomputed.states[0]], [kept.states[0]])


def test_inference_does_without():
    x = _inputs()
    with portable_loops():
        types = [
            [
                o.type
                for o in tf.function(layer, autograph=False)
                .get_concrete_function(x, training=False)
                .graph.get_operations()
            ]
            for layer in _pair(LSTMCell(UNITS), x, 2)
        ]
    assert types[0] == types[1]


def test_the_loop_of_keras_says_that_it_keeps_everything():
    layer = RNN(GRUCell(UNITS), recompute_steps=2)
    layer(_inputs())
    assert layer.last_loop == (
        "keras: called eagerly, outside of tf.function; recompute_steps has no effect"
    )


def _rnn(recompute_steps):
    return RNN(GRUCell(UNITS), recompute_steps=recompute_steps)


def _stack(recompute_steps):
    return RecurrentStack("gru", UNITS, recompute_steps=recompute_steps)


@pytest.mark.parametrize("make", [_rnn, _stack])
def test_is_saved_and_checked(make):
    layer = make(5)
    again = type(layer).from_config(layer.get_config())
    assert (layer.recompute_steps, again.recompute_steps) == (5, 5)
    assert make(None).get_config()["recompute_steps"] is None
    for wrong in (0, -1, 2.5):
        with pytest.raises(ValueError, match="`recompute_steps` must be a positive integer"):
            make(wrong)
