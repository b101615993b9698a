"""Elementwise functions whose result does not depend on where a number stands in its tensor."""

from collections.abc import Callable

import tensorflow as tf

# As many float32 as fit into the widest vector register there is, 512 bits, and twice as many
# float64.
_NUMBERS = 16


def in_whole_registers(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """`function(x)`, of elementwise operations, all of it computed with vector instructions.

    TensorFlow computes exponentials and logarithms a vector register at a time, and the numbers
    that do not fill the last register one by one, with another formula: the last bit of exp(x)
    depends on x's place, so on how many rows a batch has. Filled up to whole registers, all numbers
    go the same way. Sums, products, quotients and comparisons are exact or rounded in the one way
    that IEEE 754 allows, and need none of this.

    >>> x = tf.fill([1000], 0.7)
    >>> len(set(in_whole_registers(tf.exp, x[:3]).numpy()) | set(tf.exp(x[:16]).numpy()))
    1
    """
    size = tf.size(x)
    filled = tf.pad(tf.reshape(x, [-1]), [[0, -size % _NUMBERS]], constant_values=1)
    return tf.reshape(function(filled)[:size], tf.shape(x))


def whole_registers(count: int | tf.Tensor) -> int | tf.Tensor:
    """The least that fills whole registers: of a tensor with so many columns each row does.

    >>> whole_registers(1), whole_registers(32)
    (16, 32)
    """
    return count + -count % _NUMBERS
