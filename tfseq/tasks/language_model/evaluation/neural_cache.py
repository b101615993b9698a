"""A model with a cache of what it has just read."""

import math

import numpy as np
import tensorflow as tf

from tfseq.data import evaluation_windows
from tfseq.models import LanguageModel
from tfseq.tasks.language_model.evaluation.evaluator import Evaluation

# Tokens that are predicted in one call.
_STEPS = 256


class CacheEvaluator:
    """Measures a model whose probabilities are mixed with those of a cache.

    The cache holds the last N pairs of a hidden state h_i, which the output layer reads, and the
    token x_{i+1} that followed it. It gives a token what the states give that it followed:

        p(x | h_t) = (1 − λ) p_model(x | h_t) + λ p_cache(x | h_t),
        p_cache(x | h_t) ∝ Σ_{t−N ≤ i < t, x_{i+1} = x} exp(θ h_t · h_i).

    Before the first pair the model predicts alone. The text is one row, read from the zero state,
    which is carried along.

    Args:
        model: the language model.
        size: N, a positive integer.

    Source: Grave, Joulin and Usunier, Improving Neural Language Models with a Continuous Cache,
    ICLR 2017, https://arxiv.org/abs/1612.04426.

    Example: one word over and over. A cache soon expects it, and a model without knowledge does
    not.

    >>> model = LanguageModel(8, units=4)
    >>> model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
    >>> evaluate = CacheEvaluator(model, size=10)
    >>> round(evaluate(np.ones(100, "uint8"), flatness=0.3, weight=0.5).perplexity, 2)
    1.8
    """

    def __init__(self, model: LanguageModel, size: int):
        self.model, self.size = model, size
        self._step = tf.function(self._read, reduce_retracing=True, autograph=False)

    def __call__(
        self, ids: np.ndarray, context: int | None = None, *, flatness: float, weight: float
    ) -> Evaluation:
        """Predict every id once, in order; see `Evaluator` and `CacheSettings`."""
        states = self.model.initial_states(1)
        # The pairs of the cache, the last one at the end, with -1 for those that are not there yet.
        cache = (
            tf.zeros([self.size, self.model.hidden_size]),
            tf.fill([self.size], tf.constant(-1)),
        )
        mixing = [tf.constant(v, tf.float32) for v in (flatness, weight)]
        total, count = 0.0, 0
        for inputs, targets, counting in evaluation_windows(ids, 1, _STEPS, context=context):
            loss, states, cache = self._step(inputs, targets, counting, states, cache, mixing)
            total += float(loss)
            count += int(tf.reduce_sum(counting))
        return Evaluation(total / count, count)

    def _read(self, inputs, targets, counting, states, cache, mixing):
        """The total loss of the next tokens `[1, T]`, and states and cache after them."""
        flatness, weight = mixing
        hidden, states = self.model.hidden(inputs, states, training=False)
        logits = tf.cast(self.model.logits(hidden), tf.float32)[0]
        hidden, targets = tf.cast(hidden, tf.float32)[0], targets[0]
        by_model = -tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)

        keys, followed = (tf.concat(both, 0) for both in zip(cache, (hidden, targets), strict=True))
        # Step t reads the places t to t + N - 1, those before its own.
        place, step = tf.range(self.size + _STEPS), tf.range(_STEPS)[:, None]
        there = (place >= step) & (place < step + self.size) & (followed >= 0)
        scores = flatness * tf.matmul(hidden, keys, transpose_b=True)
        scores = tf.where(there, scores, -math.inf)
        matching = tf.where(followed == targets[:, None], scores, -math.inf)
        by_cache = tf.reduce_logsumexp(matching, 1) - tf.reduce_logsumexp(scores, 1)
        mixed = [tf.math.log1p(-weight) + by_model, tf.math.log(weight) + by_cache]
        log_p = tf.where(tf.reduce_any(there, 1), tf.reduce_logsumexp(tf.stack(mixed), 0), by_model)
        cache = (keys[_STEPS:], followed[_STEPS:])
        return -tf.reduce_sum(tf.cast(log_p * counting[0], tf.float64)), states, cache
