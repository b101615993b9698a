"""Labelled sequences in batches of like length, as `tf.data`."""

import numpy as np
import tensorflow as tf

from tfseq.options.rules import PositiveInt, checked

#: What fills up the rows of a batch of ids.
PADDING = -1

# So many batches' worth of examples, drawn at random, are put in order of length and cut into
# batches. More would save a little more padding, and bring the same examples together each time.
_POOL_BATCHES = 50


def length_batches(
    ids: tf.RaggedTensor,
    targets: tf.Tensor | tf.RaggedTensor,
    batch_size: int,
    seed: int | None = 0,
    epoch: int = 0,
) -> tf.data.Dataset:
    """The batches of one epoch, in which every example is once.

    Rows of a batch have similar lengths, so that little is padded. Examples are shuffled, put in
    order of length within pools of 50 batches, cut into batches, and the batches shuffled; all
    of it is determined by (seed, epoch). The last batch of the last pool may be smaller.

    Args:
        ids: int32 `[N, (T)]`, token ids of each example; may be empty rows.
        targets: int32 `[N]`, a target for each example, or ragged like `ids`, one for each token.
        batch_size: examples in a batch, B.
        seed, epoch: of the order; None takes the examples by falling length, as for evaluation.

    Returns:
        A `tf.data.Dataset` of `(ids, targets, weights)`: int32 `[B, T]` padded with −1; int32
        `[B]` or `[B, T]`, padded with 0; float32 of the same shape, 0 where there is padding and
        else 1. Its cardinality is known.

    >>> ids = tf.ragged.constant([[1, 2, 3], [4], [5, 6]], dtype=tf.int32)
    >>> for x, y, weights in length_batches(ids, tf.constant([7, 8, 9]), 2, seed=None):
    ...     print(x.numpy().tolist(), y.numpy().tolist(), weights.numpy().tolist())
    [[1, 2, 3], [5, 6, -1]] [7, 9] [1.0, 1.0]
    [[4]] [8] [1.0]
    """
    checked("batch_size", batch_size, PositiveInt)
    plan = length_plan(ids.row_lengths().numpy(), batch_size, seed, epoch)
    plan = tf.RaggedTensor.from_row_lengths(np.concatenate(plan), [len(batch) for batch in plan])

    @tf.autograph.experimental.do_not_convert
    def gather(examples):
        rows = tf.gather(ids, examples).to_tensor(PADDING)
        chosen = tf.gather(targets, examples)
        if isinstance(chosen, tf.RaggedTensor):
            chosen = chosen.to_tensor(0)
            return rows, chosen, tf.cast(rows != PADDING, tf.float32)
        return rows, chosen, tf.ones_like(chosen, tf.float32)

    return tf.data.Dataset.from_tensor_slices(plan).map(gather).prefetch(2)


def length_plan(
    lengths: np.ndarray, batch_size: int, seed: int | None, epoch: int
) -> list[np.ndarray]:
    """The examples of each batch, by their number.

    >>> [batch.tolist() for batch in length_plan(np.array([3, 1, 2]), 2, seed=None, epoch=0)]
    [[0, 2], [1]]
    """
    if seed is None:
        order = np.argsort(-lengths, kind="stable")
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    size = _POOL_BATCHES * batch_size
    batches = []
    for start in range(0, len(order), size):
        pool = order[start : start + size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]
