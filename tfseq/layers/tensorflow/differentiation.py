"""What TensorFlow differentiates, and in which mode."""

import contextlib

import tensorflow as tf

_REFUSAL = (
    "A `tf.autodiff.ForwardAccumulator` inside of a `tf.function` cannot follow a recurrent layer. "
    "Open it around the call of the function."
)


def is_differentiable(tensor) -> bool:
    """Whether there are gradients with respect to `tensor`: to real and complex numbers.

    >>> [is_differentiable(tf.zeros([1], d)) for d in (tf.float16, tf.complex64, tf.int32)]
    [True, True, False]
    """
    return tensor.dtype.is_floating or tensor.dtype.is_complex


@tf.custom_gradient
def in_reverse_mode(tensor):
    """`tensor`, for a function that no gradient goes through; an error in forward mode.

    A `tf.autodiff.ForwardAccumulator` would find no way through such a function either, and take
    the derivative to be zero.
    """

    def gradient(_):
        raise NotImplementedError(_REFUSAL)

    return tf.identity(tensor), gradient


@contextlib.contextmanager
def refused_clearly():
    """Says what is wrong where TensorFlow's own loop, in forward mode, ends in a TypeError."""
    try:
        yield
    except TypeError as error:
        if "variant" not in str(error):
            raise
        raise NotImplementedError(_REFUSAL) from error
