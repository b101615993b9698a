"""Gradients of a table of which a batch reads some rows only, as it does of an embedding."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfseq.layers.tensorflow.few_rows import FEW_ROWS, sum_of_few_rows


class Rows(NamedTuple):
    """∂L/∂ of the rows that a batch has read, in the order in which it read them.

    Attributes:
        values: `[n, …]`.
        indices: integers `[n]`: the number of each row. One may be read any number of times.
    """

    values: tf.Tensor
    indices: tf.Tensor


class SummedRows(NamedTuple):
    """The same, with one row for each that was read.

    Attributes:
        values: `[n + 1, …]`; the last one is zero, and so are those of which there was no need.
        places: int32 `[number of rows]`: where in `values` the gradient of a row stands; n if it
            was not read.
    """

    values: tf.Tensor
    places: tf.Tensor

    def dense(self) -> tf.Tensor:
        """The gradient of the table. XLA computes it where it is read, and stores nothing.

        >>> rows = Rows(tf.constant([[1.0], [2.0], [3.0]]), tf.constant([2, 0, 2]))
        >>> summed_rows([rows], [1.0], num_rows=4).dense().numpy().ravel()
        array([2., 0., 4., 0.], dtype=float32)
        """
        return tf.gather(self.values, self.places)


def rows_of(gradient: tf.Tensor | tf.IndexedSlices | None) -> tf.Tensor | Rows | None:
    """What a tape gives, with the rows of a table as `Rows`, unless it is a small one."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    num_rows = tf.get_static_value(gradient.dense_shape)
    if num_rows is None or num_rows[0] > FEW_ROWS or len(num_rows) != 2:
        return Rows(gradient.values, gradient.indices)
    return sum_of_few_rows(gradient.values, gradient.indices, num_rows[0])


def sum_of_rows(parts: Sequence[Rows], shares: Sequence, num_rows: int) -> tf.Tensor:
    """Σ share_i · rows of part i, `[num_rows, …]`, where few of the rows are not read.

    >>> rows = Rows(tf.constant([[1.0], [2.0], [3.0]]), tf.constant([1, 0, 1]))
    >>> sum_of_rows([rows], [1.0], num_rows=2).numpy().ravel()
    array([2., 4.], dtype=float32)
    """
    rows = _together(parts, shares)
    return tf.math.unsorted_segment_sum(rows.values, rows.indices, num_rows)


def summed_rows(parts: Sequence[Rows], shares: Sequence, num_rows: int) -> SummedRows:
    """Σ share_i · rows of part i, for a table of `num_rows`."""
    values, indices = _together(parts, shares)
    count = tf.shape(values)[0] if values.shape[0] is None else values.shape[0]
    unique, places = tf.unique(indices)
    unread = tf.fill([num_rows], count)
    read = tf.range(tf.size(unique))
    all_places = tf.tensor_scatter_nd_update(unread, unique[:, None], read)
    return SummedRows(tf.math.unsorted_segment_sum(values, places, count + 1), all_places)


def _together(parts: Sequence[Rows], shares: Sequence) -> Rows:
    values = [rows.values * share for rows, share in zip(parts, shares, strict=True)]
    return Rows(tf.concat(values, 0), tf.concat([rows.indices for rows in parts], 0))
