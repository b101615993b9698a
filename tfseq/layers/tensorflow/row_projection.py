"""Products of table rows with a kernel, as lookups."""

import tensorflow as tf

# Up to this many rows, their gradient is a product with one-hot vectors: it runs on all cores,
# where a sum over segments runs on one.
_FEW_ROWS = 256


def project_rows(ids, table, kernel):
    """`table[ids] · kernel`, or `kernel[ids]` where `table` is None; ids are a vector."""
    if table is not None:
        kernel = tf.matmul(tf.cast(table, kernel.dtype), kernel)
        return _take_rows(kernel, ids)
    # The one-hot vector of an id that is no symbol's is zero, and so is its product.
    count = kernel.shape[0]
    ids = tf.where((ids >= 0) & (ids < count), ids, count)
    return _take_rows(tf.pad(kernel, [[0, 1], [0, 0]]), ids)


@tf.custom_gradient
def _take_rows(table, ids):
    count = table.shape[0]

    def gradient(d):
        if count <= _FEW_ROWS:
            chosen = tf.one_hot(ids, count, dtype=d.dtype)
            return tf.matmul(chosen, d, transpose_a=True), None
        return tf.math.unsorted_segment_sum(d, ids, count), None

    return tf.gather(table, ids), gradient
