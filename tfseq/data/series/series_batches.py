"""Windows of a series in shuffled batches, as `tf.data`."""

import numpy as np
import tensorflow as tf


def series_batches(
    values: np.ndarray,
    origins: np.ndarray,
    lookback: int,
    horizon: int,
    num_targets: int,
    batch_size: int,
    seed: int = 0,
    epoch: int = 0,
) -> tf.data.Dataset:
    """The batches of one epoch, in which every window is once; (seed, epoch) determine the order.

    Args:
        values: `[N, C]`, the series.
        origins: int `[W]`, the steps at which a window's future begins
            (`SeriesSplit.origins`).
        lookback: τ; the inputs of a window are the τ values before its origin.
        horizon: H; a window ends H steps after its origin.
        num_targets: the targets are its last values, so many of them: H are those that follow
            the inputs; τ − 1 + H also those that follow each single input.
        batch_size: windows in a batch; the last one may be smaller.
        seed, epoch: of the order.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, weights)`: float32 `[B, τ, C]`,
        `[B, num_targets, C]`, and ones `[B, num_targets]`. Its cardinality is known.

    Example:

    >>> values = np.arange(5.0)[:, None]
    >>> batches = series_batches(values, np.array([2, 3]), 2, 2, 3, batch_size=1)
    >>> for x, y in sorted((x.numpy().ravel().tolist(), y.numpy().ravel().tolist())
    ...                    for x, y, weights in batches):
    ...     print(x, y)
    [0.0, 1.0] [1.0, 2.0, 3.0]
    [1.0, 2.0] [2.0, 3.0, 4.0]
    """
    starts = np.random.default_rng([seed, epoch]).permutation(origins) - lookback
    series = tf.constant(values, tf.float32)

    @tf.autograph.experimental.do_not_convert
    def read(starts):
        window = tf.gather(series, starts[:, tf.newaxis] + np.arange(lookback + horizon))
        targets = window[:, lookback + horizon - num_targets :]
        return window[:, :lookback], targets, tf.ones_like(targets[:, :, 0])

    return tf.data.Dataset.from_tensor_slices(starts).batch(batch_size).map(read).prefetch(2)
