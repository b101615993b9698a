"""The average of a table of which an update changes few rows: the others are caught up later."""

from typing import NamedTuple

import keras
import tensorflow as tf

# Where an average forgets all there was before, log(1 − α) is −∞; e to this is zero.
_FORGOTTEN = -1000.0


class RowsOfAverage(NamedTuple):
    """Rows of an average before an update, and log Π (1 − α) then."""

    values: tf.Tensor
    log_kept: tf.Tensor


class LaggingAverage:
    """θ̄ ← (1 − α) θ̄ + α θ, which is done to a row when it is read, for all updates at once.

    While θ stays as it is, updates with α_1, …, α_n come to

        θ̄ ← θ + Π_i (1 − α_i) (θ̄ − θ).

    L = Σ log(1 − α_i) over all updates is kept, and for each row the L up to which it is caught up.

    Args:
        weight: θ.
        value: θ̄ of its rows, as far as they are caught up.
    """

    def __init__(self, weight: keras.Variable, value: tf.Variable):
        self.weight, self.value = weight, value
        self.log_kept = tf.Variable(tf.zeros([], tf.float64), trainable=False)
        rows = weight.shape[0]
        self.caught_up_to = tf.Variable(tf.zeros([rows], tf.float64), trainable=False)

    @property
    def variables(self) -> list[tf.Variable]:
        """What is kept beside θ̄."""
        return [self.log_kept, self.caught_up_to]

    def pass_by(self, share: tf.Tensor) -> None:
        """Note an update with α = `share`."""
        log = tf.math.log1p(-tf.cast(share, tf.float64))
        self.log_kept.assign_add(tf.maximum(log, tf.constant(_FORGOTTEN, tf.float64)))

    def caught_up(self) -> tf.Tensor:
        """θ̄ of all rows, after all updates."""
        θ = tf.convert_to_tensor(self.weight)
        return _caught_up(tf.identity(self.value), θ, self.log_kept - self.caught_up_to)

    def read(self, ids: tf.Tensor, rows: tf.Tensor) -> RowsOfAverage:
        """θ̄ of rows of which θ is `rows`, before an update changes them."""
        log_kept = tf.identity(self.log_kept)
        values = _caught_up(
            tf.gather(self.value, ids), rows, log_kept - tf.gather(self.caught_up_to, ids)
        )
        return RowsOfAverage(values, log_kept)

    def write(self, ids: tf.Tensor, before: RowsOfAverage, rows: tf.Tensor) -> None:
        """Take in what the update has made of the first rows, and nothing of those behind them."""
        log_kept = tf.identity(self.log_kept)
        new = _caught_up(before.values, rows, log_kept - before.log_kept)
        size = tf.size(ids)
        self.value.scatter_update(tf.IndexedSlices(new[:size], ids))
        self.caught_up_to.scatter_update(tf.IndexedSlices(tf.fill([size], log_kept), ids))


def _caught_up(average, θ, log_kept):
    kept = tf.cast(tf.exp(log_kept), average.dtype)
    if kept.shape.rank:
        kept = tf.reshape(kept, [-1] + [1] * (average.shape.rank - 1))
    return θ + kept * (average - θ)
