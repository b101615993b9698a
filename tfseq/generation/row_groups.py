"""A batch in two halves, which TensorFlow computes side by side."""

from typing import Any

import tensorflow as tf

# The product of a few rows and a step's weights gains little from a second core. Two loops, each
# over half of the rows, have a core each. So few rows stay together: what is left to gain is less
# than what the operations of a second loop cost.
_FEWEST_ROWS = 8


def row_groups(*rows: Any) -> list[list]:
    """The rows of tensors [B, …], cut at the same place: two groups, of which one may be empty.

    >>> first, second = row_groups(tf.range(9), [tf.zeros([9, 2])])
    >>> first[0].numpy(), second[0].numpy(), second[1][0].shape
    (array([0, 1, 2, 3, 4], dtype=int32), array([5, 6, 7, 8], dtype=int32), TensorShape([4, 2]))
    """
    num_rows = tf.shape(tf.nest.flatten(rows)[0])[0]
    first = tf.where(num_rows < _FEWEST_ROWS, num_rows, (num_rows + 1) // 2)
    sizes = tf.stack([first, num_rows - first])
    halves = [tf.split(tensor, sizes, num=2) for tensor in tf.nest.flatten(rows)]
    return [tf.nest.pack_sequence_as(list(rows), group) for group in zip(*halves, strict=True)]


def join_rows(groups: list[Any]) -> Any:
    """What was made of each group, as nested tensors [b, …], for all rows again."""
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *groups)


def longest(lengths: tf.Tensor) -> tf.Tensor:
    """The largest length, int32 scalar; 0 where there is no row."""
    return tf.maximum(tf.reduce_max(lengths), 0)


def any_rows(tensors: Any) -> Any:
    """The shapes of nested tensors [B, …] with B left open: what a loop demands to be told."""
    return tf.nest.map_structure(lambda tensor: tf.TensorShape([None, *tensor.shape[1:]]), tensors)
