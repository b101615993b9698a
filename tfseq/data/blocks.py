"""Batches cut from arrays: gathered in NumPy many at a time, handed out one by one in C++."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

# About this many values are gathered per call into Python: enough to make the call's own cost
# vanish, few enough to stay in cache and to keep two blocks in memory unnoticed.
BLOCK_VALUES = 1 << 18

Gather = Callable[[int, int], tuple[np.ndarray, ...]]


def batches_from_blocks(
    gather: Gather, start: int, stop: int, element_spec: tuple[tf.TensorSpec, ...]
) -> tf.data.Dataset:
    """Batches `start` to `stop - 1` as a dataset of known cardinality.

    One element per call from Python costs tens of microseconds, so `gather` is asked for many
    batches at once and the block is taken apart by `Dataset.unbatch`, which is C++. The next
    block is gathered while this one is used.

    Args:
        gather: a pure function `(first, last) -> arrays`. Each array holds batches `first` to
            `last - 1` along its leading axis.
        start, stop: number of the first batch, and number after the last.
        element_spec: shape and dtype of each component of one batch.
    """
    values_per_batch = max(spec.shape.num_elements() for spec in element_spec)
    batches_per_block = max(1, BLOCK_VALUES // max(1, values_per_batch))

    @tf.autograph.experimental.do_not_convert
    def block(first: tf.Tensor) -> tuple[tf.Tensor, ...]:
        last = tf.minimum(first + batches_per_block, stop)
        arrays = tf.numpy_function(
            lambda first, last: gather(int(first), int(last)),
            [first, last],
            [spec.dtype for spec in element_spec],
        )
        return tuple(
            tf.ensure_shape(array, [None, *spec.shape])
            for array, spec in zip(arrays, element_spec, strict=True)
        )

    dataset = tf.data.Dataset.range(start, stop, batches_per_block)
    dataset = dataset.map(block).prefetch(1).unbatch()
    return dataset.apply(tf.data.experimental.assert_cardinality(stop - start))
