"""Sizes of tensors of which a graph may know a part."""

import tensorflow as tf


def sizes(tensor) -> list:
    """The sizes of `tensor`: numbers where the graph knows them, else scalar tensors.

    Example:

    >>> sizes(tf.zeros([2, 3]))
    [2, 3]
    """
    return [tf.shape(tensor)[i] if n is None else n for i, n in enumerate(tensor.shape)]
