"""The candidates of a sampled softmax: few of many classes, drawn anew for each step."""

import numpy as np
import tensorflow as tf

from tfseq.layers.tensorflow.dropout_mask import hashed_bits
from tfseq.options.rules import PositiveInt, checked

_UNIT = 1 << 32  # Expected counts are whole multiples of 1 / 2³².


class Candidates:
    r"""S of V classes, drawn by how frequent a class of its rank is.

    Ids follow falling frequency. By Zipf's law class k has p_k ∝ log((k + 2) / (k + 1)), and it is
    expected

        q_k = min(1, c p_k)  times among the candidates, c such that Σ_k q_k = S.

    The classes with q_k = 1 are always there. Candidate j is drawn from stratum j: with
    Q_k = q_0 + … + q_k and a random number r_j in [0, 1), it is the k with Q_{k−1} ≤ j + r_j < Q_k.
    So the counts differ less from q_k than those of S independent draws, and few classes are drawn
    twice. The draw is a function of (seed, step) alone.

    Args:
        num_classes: V.
        num_candidates: S, less than V.

    Attributes:
        expected_counts: q, float64 `[V]`.

    Raises:
        ValueError: an argument breaks its rule.

    Example:

    >>> candidates = Candidates(1000, 100)
    >>> ids, log_counts = candidates.draw(seed=0, step=tf.constant(7, tf.int64))
    >>> ids.shape, bool(tf.reduce_all(ids[:8] == tf.range(8)))
    (TensorShape([100]), True)
    >>> candidates.expected_counts.sum()
    np.float64(100.0)

    Source: the log-uniform distribution is that of `tf.random.log_uniform_candidate_sampler`.
    """

    def __init__(self, num_classes: int, num_candidates: int):
        num_classes = checked("num_classes", num_classes, PositiveInt)
        num_candidates = checked("num_candidates", num_candidates, PositiveInt)
        if num_candidates >= num_classes:
            raise ValueError(
                f"`num_candidates` must be less than the number of classes, {num_classes}. "
                f"Received: num_candidates={num_candidates}."
            )
        self.num_candidates = num_candidates
        ranks = np.arange(num_classes, dtype="float64")
        weights = np.log1p(1 / (ranks + 1))
        # Of the classes from k on, c p_k, if those before are always there: the first one below 1.
        rest = np.cumsum(weights[::-1])[::-1]
        counts = np.maximum(num_candidates - ranks, 0) * weights / rest
        always = int(np.argmax(counts < 1))
        counts = (num_candidates - always) * weights / rest[always]
        counts[:always] = 1
        # Rounded ends, so that counts are exactly what the draw below expects.
        ends = np.rint(np.cumsum(counts) * _UNIT).astype("int64")
        ends[-1] = num_candidates * _UNIT
        self._ends = ends
        self.expected_counts = np.diff(ends, prepend=0) / _UNIT

    def draw(self, seed: int, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The candidates of a step: ids int32 `[S]`, rising, and log q of each, float32 `[S]`.

        Args:
            seed: a non-negative integer.
            step: int64 scalar.
        """
        strata = tf.range(self.num_candidates, dtype=tf.int64)
        key = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
        places = strata * _UNIT + tf.cast(hashed_bits([self.num_candidates], key), tf.int64)
        ids = tf.searchsorted(tf.constant(self._ends), places, side="right")
        log_counts = tf.constant(np.log(self.expected_counts), tf.float32)
        return ids, tf.gather(log_counts, ids)
