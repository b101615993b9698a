"""The loss of a softmax over few classes that stand for all of them."""

from collections.abc import Sequence

import tensorflow as tf

from tfseq.layers.projection import project

_NEVER = -1e30  # The logit of what does not count; −∞ would make gradients that are no numbers.


def sampled_softmax_loss(
    hidden: tf.Tensor,
    of_targets: Sequence[tf.Tensor],
    of_candidates: Sequence[tf.Tensor],
    targets: tf.Tensor,
    candidates: tf.Tensor,
    log_counts: tf.Tensor,
) -> tf.Tensor:
    """−log P̂(y) with a normaliser of candidates, one for each row of `hidden`.

        o_k = h · w_k + b_k,  Ẑ = exp(o_y) + Σ_{k in candidates, k ≠ y} exp(o_k − log q_k),
        loss = log Ẑ − o_y

    Candidate k is expected q_k times, so the mean of Ẑ over all draws is Z = Σ_k exp(o_k): the loss
    is on average a little less than that of the full softmax, and comes to it as all q_k come to 1.
    The target's own logit is not corrected, as it is not drawn: it is always there. Candidates that
    are the target (accidental hits) are left out.

    Args:
        hidden: h, float `[N, D]`.
        of_targets: w_y, float `[N, D]`, and b_y `[N]`.
        of_candidates: w_k, float `[S, D]`, and b_k `[S]`.
        targets: y, integers `[N]`.
        candidates: integers `[S]`.
        log_counts: log q, float32 `[S]`.

    Returns:
        float32 `[N]`.

    Source: Jean et al., 2015, https://arxiv.org/abs/1412.2007; the correction as in Blanc and
    Rendle, 2018, https://arxiv.org/abs/1712.00527.

    >>> h, w, b = tf.ones([1, 2]), tf.constant([[1.0, 0.0], [0.0, 0.0], [2.0, 1.0]]), tf.zeros([3])
    >>> target, others = (w[:1], b[:1]), (w[1:], b[1:])
    >>> loss = sampled_softmax_loss(h, target, others, [0], [1, 2], tf.zeros([2]))
    >>> bool(abs(loss[0] - (tf.reduce_logsumexp([1.0, 0.0, 3.0]) - 1)) < 1e-6)
    True
    """
    targets, candidates = map(tf.convert_to_tensor, (targets, candidates))
    weights, biases = of_targets
    of_target = tf.reduce_sum(tf.cast(hidden * weights, tf.float32), -1)
    of_target += tf.cast(biases, tf.float32)
    weights, biases = of_candidates
    logits = tf.cast(project(hidden, tf.transpose(weights)), tf.float32)
    logits += tf.cast(biases, tf.float32) - log_counts
    logits = tf.where(targets[:, None] == candidates[None], _NEVER, logits)
    logits = tf.concat([of_target[:, None], logits], 1)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.zeros_like(targets), logits)
