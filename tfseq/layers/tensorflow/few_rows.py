"""The gradient of a table with few rows, from the gradients of the rows that were read."""

import tensorflow as tf

# Up to this many rows, it is a product with one-hot vectors, which runs on all cores; a sum over
# segments runs on one.
FEW_ROWS = 256


def sum_of_few_rows(values, indices, num_rows: int):
    """Σ of the `values` `[n, …]` that have the same index: `[num_rows, …]`, for matrices.

    >>> sum_of_few_rows(tf.constant([[1.0], [2.0], [3.0]]), [2, 0, 2], 3).numpy().ravel()
    array([2., 0., 4.], dtype=float32)
    """
    chosen = tf.one_hot(indices, num_rows, dtype=values.dtype)
    return tf.matmul(chosen, values, transpose_a=True)
