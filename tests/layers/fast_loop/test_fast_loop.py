"""The loops of `tfseq.RNN` in a graph, against `keras.layers.RNN` with the same cell."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from loop_cells import BATCH_SIZE, CELLS, UNITS, random_like, results_and_gradients

from tfseq.cells import GRUCell, LSTMCell
from tfseq.layers import RNN, mark_lookup

STEPS, FEATURES = 5, 7
LARGE_BATCH = 32  # Run in two parts.


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def x():
    return random_like([tf.zeros([BATCH_SIZE, STEPS, FEATURES])])[0]


@pytest.fixture
def large_x():
    return random_like([tf.zeros([LARGE_BATCH, STEPS, FEATURES])])[0]


def _mask(batch_size):
    return tf.constant(np.random.default_rng(2).random((batch_size, STEPS)) > 0.3)


def _pair(cell, x, **arguments):
    arguments = {"return_state": True, **arguments}
    fast, plain = RNN(cell, **arguments), keras.layers.RNN(cell, **arguments)
    fast(x)
    plain(x)
    return fast, plain


def _assert_equal(found, expected, tolerance=2e-6):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.everyday(1)
@pytest.mark.parametrize("name", CELLS)
def test_compiled_in_training_equals_the_loop_of_keras(name, large_x):
    fast, plain = _pair(CELLS[name](), large_x, return_sequences=True)
    found = results_and_gradients(fast, large_x)
    # XLA lacks what the choosing one does, and takes roots of other numbers.
    graph = ("choosing", "normalised", "centred")
    assert fast.last_loop == ("graph" if name in graph else "compiled")
    _assert_equal(found, results_and_gradients(plain, large_x), 1e-5)


@pytest.mark.everyday(2)
@pytest.mark.parametrize("name", CELLS)
def test_shapes_known_at_run_time_only_and_a_mask(name, x):
    mask = _mask(BATCH_SIZE)
    fast, plain = _pair(CELLS[name](), x, return_sequences=True, go_backwards=True)
    found = results_and_gradients(fast, x, mask, known_shapes=False)
    assert fast.last_loop == "graph"
    _assert_equal(found, results_and_gradients(plain, x, mask, known_shapes=False))


@pytest.mark.everyday(2)
@pytest.mark.parametrize(
    ("return_sequences", "go_backwards", "zero_output_for_mask"),
    list(itertools.product([False, True], [False, True], [None, False, True])),
)
def test_every_setting(large_x, return_sequences, go_backwards, zero_output_for_mask):
    x, mask = large_x, None if zero_output_for_mask is None else _mask(LARGE_BATCH)
    # Both values meet each value of each setting, and the loops compiled and not.
    training = (return_sequences + go_backwards + bool(zero_output_for_mask)) % 2 == 1
    settings = {
        "return_sequences": return_sequences,
        "go_backwards": go_backwards,
        "zero_output_for_mask": bool(zero_output_for_mask),
    }
    fast, plain = _pair(CELLS["leaky"](), x, **settings)
    found = results_and_gradients(fast, x, mask, training=training)
    assert fast.last_loop == ("compiled" if training else "graph")
    _assert_equal(found, results_and_gradients(plain, x, mask, training=training), 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "training"), [("gru", True), ("lstm", False), ("leaky", True)])
def test_second_order_gradients(name, training, x):
    fast, plain = _pair(CELLS[name](), x, return_sequences=True)

    def second_order(layer):
        weights = [v.value for v in layer.trainable_variables]

        @tf.function(autograph=False)
        def run(x):
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    loss = tf.reduce_sum(tf.sin(layer(x, training=training)[0]))
                first = inner.gradient(loss, x)
                penalty = tf.reduce_sum(first**2)
            return outer.gradient(penalty, [x, *weights])

        return [g.numpy() for g in run(x)]

    found = second_order(fast)
    assert fast.last_loop == ("compiled" if training else "graph")
    _assert_equal(found, second_order(plain), 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "num_rows"), [(GRUCell, BATCH_SIZE), (LSTMCell, LARGE_BATCH)])
def test_bfloat16_is_as_near_to_float32_as_that_of_keras(make, num_rows, large_x):
    x = large_x[:num_rows]
    exact = make(UNITS)
    cell = make(UNITS, dtype="mixed_bfloat16")
    fast = RNN(cell, return_sequences=True, return_state=True, dtype="mixed_bfloat16")
    plain = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype="mixed_bfloat16")
    reference, _ = _pair(exact, x, return_sequences=True)
    fast(x)
    plain(x)
    exact.set_weights(cell.get_weights())
    expected = results_and_gradients(reference, x)
    x = tf.cast(x, tf.bfloat16)

    def error(layer):
        found = results_and_gradients(layer, x)
        pairs = zip(found, expected, strict=True)
        return max(np.max(np.abs(a.astype("float32") - b)) / np.max(np.abs(b)) for a, b in pairs)

    assert error(fast) < 1.5 * error(plain) < 0.2
    assert fast.last_loop == ("graph" if num_rows == LARGE_BATCH else "compiled")


@pytest.mark.parametrize(
    ("layer_dtype", "cell_dtype"), [("mixed_bfloat16", "float32"), ("float32", "float64")]
)
def test_weights_keep_the_dtype_of_their_cell(layer_dtype, cell_dtype, x):
    cell = GRUCell(UNITS, dtype=cell_dtype)
    fast, plain = _pair(cell, x, return_sequences=True, dtype=layer_dtype)
    run = tf.function(lambda x: (fast(x), plain(x)), autograph=False)
    found, expected = run(x)
    assert fast.last_loop == "graph"
    _assert_equal(found, expected)


@pytest.mark.parametrize("time", [0, 1, 4])
def test_any_number_of_steps_in_one_graph(time, x):
    fast, _ = _pair(CELLS["gru"](), x, return_sequences=True)
    run = tf.function(
        lambda x: fast(x), input_signature=[tf.TensorSpec([None, None, FEATURES])], autograph=False
    )
    _assert_equal(run(x[:, :time]), fast(x[:, :time]))


@pytest.mark.parametrize("training", [False, True])
def test_one_step(training, x):
    fast, plain = _pair(CELLS["lstm"](), x[:, :1], return_sequences=True)
    found = results_and_gradients(fast, x[:, :1], training=training)
    _assert_equal(found, results_and_gradients(plain, x[:, :1], training=training))


def test_stateful(x):
    cell = CELLS["lstm"]()
    fast, plain = _pair(cell, x, return_sequences=True, stateful=True)
    fast.reset_state()
    plain.reset_state()
    run = tf.function(lambda x: (fast(x, training=True), plain(x, training=True)), autograph=False)
    run(x)
    _assert_equal(*run(x))


@pytest.mark.slow
def test_fit_takes_the_same_course(x):
    y = tf.reduce_sum(x, [1, 2])[:, None]
    losses = []
    for layer_type in (RNN, keras.layers.RNN):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([layer_type(LSTMCell(4)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        losses.append(model.fit(x, y, batch_size=3, epochs=5, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "embedded", "vocabulary_size", "go_backwards"),
    [
        ("gru", True, 4, True),
        ("gru", False, 300, False),
        ("keras lstm", True, 300, False),
        ("keras lstm", False, 4, True),
    ],
)
def test_looked_up_rows_give_what_products_give(name, embedded, vocabulary_size, go_backwards):
    generator = np.random.default_rng(4)
    ids = tf.constant(generator.integers(0, vocabulary_size, (LARGE_BATCH, 20)))
    table = tf.constant(generator.normal(size=(vocabulary_size, FEATURES)), tf.float32)
    layer = RNN(CELLS[name](), return_sequences=True, go_backwards=go_backwards)
    layer.build((None, None, FEATURES if embedded else vocabulary_size))

    @tf.function(autograph=False)
    def run(ids, table, marked):
        weights = [v.value for v in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(table)
            rows = tf.gather(table, ids) if embedded else tf.one_hot(ids, vocabulary_size)
            if marked:
                rows = mark_lookup(rows, ids, table if embedded else None)
            y = layer(rows, training=True)
            loss = tf.reduce_sum(tf.sin(y))
        sources = [*weights, table] if embedded else weights
        return [y, *map(tf.convert_to_tensor, tape.gradient(loss, sources))]

    _assert_equal(run(ids, table, True), run(ids, table, False), 2e-5)
    marked, plain = (run.get_concrete_function(ids, table, marked) for marked in (True, False))
    assert _multiplications_outside_of_loops(marked) < _multiplications_outside_of_loops(plain)


def _multiplications_outside_of_loops(concrete):
    count = 0
    for operation in concrete.graph.get_operations():
        if operation.type == "MatMul":
            rows, columns = operation.outputs[0].shape
            inner = operation.inputs[0].shape[0 if operation.get_attr("transpose_a") else 1]
            count += rows * inner * columns
    return count


@pytest.mark.parametrize("jit_compile", [False, True])
def test_ids_that_are_no_symbols_are_zeros(jit_compile):
    ids = tf.constant([[1, -1, 3], [4, 2, 0]])
    layer = RNN(CELLS["gru"](), return_sequences=True)
    layer.build((None, None, 4))

    def run(ids):
        return layer(mark_lookup(tf.one_hot(ids, 4), ids))

    compiled = tf.function(run, jit_compile=jit_compile, autograph=False)
    _assert_equal([compiled(ids)], [layer(tf.one_hot(ids, 4))])


def test_a_lookup_of_other_shapes_is_refused():
    rows, ids = tf.zeros([2, 3, 4]), tf.zeros([2, 3], tf.int32)
    for wrong in ((ids[0], None), (ids, tf.zeros([9, 5]))):
        with pytest.raises(ValueError, match="must have one axis more than `ids`, and `table`"):
            mark_lookup(rows, *wrong)
