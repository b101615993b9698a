"""Operations that give the same bits each time, for as long as a run trains."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

# TensorFlow exports what asks for determinism, but not what ends it.
from tensorflow.python.framework import config


@contextlib.contextmanager
def deterministic_operations() -> Iterator[None]:
    """Ask TensorFlow for operations that give the same bits each time; at the end, no longer.

    While they are asked for, Keras compiles no model with `jit_compile=True`. A program that
    trains a model of tfseq and then calls `fit` on another model is not to notice.

    >>> with deterministic_operations():
    ...     config.is_op_determinism_enabled()
    True
    """
    asked_for = config.is_op_determinism_enabled()
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if not asked_for:
            config.disable_op_determinism()
