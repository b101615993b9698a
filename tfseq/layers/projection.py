"""The product of hidden states with the weights of an output layer."""

from typing import Any

import keras
from keras import ops


def project(rows, kernel) -> Any:
    """X W, for X `[..., D]` and W `[D, K]`, both of one dtype.

    In a training step that XLA compiles whole, its gradient is the one that XLA computes fastest,
    and mixed precision multiplies in 16 bits.

    >>> tuple(project(keras.ops.ones((2, 3, 4)), keras.ops.ones((4, 5))).shape)
    (2, 3, 5)
    """
    if keras.backend.backend() != "tensorflow":
        return ops.matmul(rows, kernel)
    # Imported here: the layers need Keras alone where another backend runs them.
    from tfseq.layers.tensorflow.whole_step import is_compiled_whole, product

    if not is_compiled_whole():
        return ops.matmul(rows, kernel)
    flat = product(ops.reshape(rows, (-1, rows.shape[-1])), kernel)
    return ops.reshape(flat, (*rows.shape[:-1], kernel.shape[-1]))
