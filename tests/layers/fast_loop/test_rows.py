"""Which operations treat each row on its own: what is said of one is held against its numbers."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.layers.tensorflow.step.rows import acts_on_rows

# As many rows as columns: an axis that is taken for the other is not noticed by its size.
N = 4
RNG = np.random.default_rng(0)
ROWS, OTHER_ROWS, SAME = (RNG.uniform(0.5, 2.0, (N, N)).astype("float32") for _ in range(3))

# name -> a function of rows, other rows, and what is the same for all rows; and whether all of
# its operations that read rows treat each on its own.
CASES = {
    "a function of each number": (lambda x, y, w: tf.tanh(x), True),
    "rows and rows": (lambda x, y, w: x * y, True),
    "the smaller of rows and rows": (lambda x, y, w: tf.where(x < y, x, y), True),
    "rows and a vector": (lambda x, y, w: x + w[0], True),
    "rows and a matrix of rows": (lambda x, y, w: x + w, False),
    "rows and one row": (lambda x, y, w: x + w[:1], True),
    "rows and one of the rows": (lambda x, y, w: x + y[0], False),
    "product": (lambda x, y, w: x @ w, True),
    "product with the matrix turned": (lambda x, y, w: tf.matmul(x, w, transpose_b=True), True),
    "product with the rows turned": (lambda x, y, w: tf.matmul(x, w, transpose_a=True), False),
    "product from the left": (lambda x, y, w: w @ x, False),
    "product of rows": (lambda x, y, w: x @ y, False),
    "sum over columns": (lambda x, y, w: tf.reduce_sum(x, axis=1), True),
    "sum over the last axis": (lambda x, y, w: tf.reduce_sum(x, axis=-1), True),
    "sum over rows": (lambda x, y, w: tf.reduce_sum(x, axis=0, keepdims=True) + 0 * x, False),
    "mean over rows, from behind": (lambda x, y, w: tf.raw_ops.Mean(input=x, axis=[-2]), False),
    "sum over all": (lambda x, y, w: tf.reduce_sum(x), False),
    "split by columns": (lambda x, y, w: tf.split(x, 2, axis=1)[0], True),
    "split by the last axis": (lambda x, y, w: tf.split(x, 2, axis=-1)[0], True),
    "split by rows": (lambda x, y, w: tf.split(x, 2, axis=0)[0], False),
    "side by side": (lambda x, y, w: tf.concat([x, y], axis=-1), True),
    "one below the other": (lambda x, y, w: tf.concat([x, y], axis=0), False),
    "beside what is the same": (lambda x, y, w: tf.concat([x, w], axis=1), False),
    "some columns": (lambda x, y, w: x[:, 1:3], True),
    "columns backwards": (lambda x, y, w: x[:, ::-1], True),
    "rows backwards": (lambda x, y, w: x[::-1], False),
    "but the first row": (lambda x, y, w: x[1:], False),
    "a row": (lambda x, y, w: x[1], False),
    "rows of a table": (lambda x, y, w: tf.gather(w, tf.cast(x[:, 0], tf.int32), axis=0), True),
    "rows out of rows": (lambda x, y, w: tf.gather(x, [1, 0, 2, 3], axis=0), False),
    "sorted": (lambda x, y, w: tf.sort(x, axis=0), False),
}


def all_act_on_rows(graph):
    """Whether each operation does that reads rows, or what was made of them."""
    rows = {tensor.ref() for tensor in graph.inputs[:2]}

    def is_rows(tensor):
        return tensor.ref() in rows

    for operation in graph.get_operations():
        if any(map(is_rows, operation.inputs)) and operation.type != "Identity":
            if not acts_on_rows(operation, is_rows):
                return False
            rows.update(tensor.ref() for tensor in operation.outputs)
    return True


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_an_operation_holds(name):
    function, expected = CASES[name]
    function = tf.function(function, autograph=False)
    spec = tf.TensorSpec([N, N])
    assert all_act_on_rows(function.get_concrete_function(spec, spec, spec).graph) == expected
    if expected:
        # A row of the result changes with its own row, and with no other.
        before = function(ROWS, OTHER_ROWS, SAME).numpy()
        for row in range(N):
            x, y = ROWS.copy(), OTHER_ROWS.copy()
            x[row], y[row] = x[row] + 1, y[row] - 0.25
            changed = (function(x, y, SAME).numpy() != before).reshape(N, -1).any(axis=1)
            assert changed.tolist() == [r == row for r in range(N)]
