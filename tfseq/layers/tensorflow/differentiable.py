"""Which tensors have a gradient."""


def is_differentiable(tensor) -> bool:
    """Whether TensorFlow differentiates with respect to `tensor`: real and complex numbers.

    Example:

    >>> import tensorflow as tf
    >>> [is_differentiable(tf.zeros([1], d)) for d in (tf.float16, tf.complex64, tf.int32)]
    [True, True, False]
    """
    return tensor.dtype.is_floating or tensor.dtype.is_complex
