"""The loss of a softmax over few classes that stand for all of them."""

import tensorflow as tf

from tfseq.layers.projection import project

_NEVER = -1e30  # The logit of what does not count; −∞ would make gradients that are no numbers.


def sampled_softmax_loss(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
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
        kernel: w, float `[R, D]`: the rows of those classes that are needed.
        bias: b, float `[R]`.
        targets: y, integers `[N]`: the place of each target among the rows.
        candidates: integers `[S]`: the place of each candidate.
        log_counts: log q, float32 `[S]`.

    Returns:
        float32 `[N]`.

    Source: Jean et al., 2015, https://arxiv.org/abs/1412.2007; the correction as in Blanc and
    Rendle, 2018, https://arxiv.org/abs/1712.00527.

    >>> h, w, b = tf.ones([1, 2]), tf.constant([[1.0, 0.0], [0.0, 0.0], [2.0, 1.0]]), tf.zeros([3])
    >>> all_others = sampled_softmax_loss(h, w, b, [0], [1, 2], tf.zeros([2]))
    >>> bool(abs(all_others[0] - (tf.reduce_logsumexp([1.0, 0.0, 3.0]) - 1)) < 1e-6)
    True
    """
    targets = tf.convert_to_tensor(targets)
    of_target = tf.gather(kernel, targets)
    target_logits = tf.reduce_sum(tf.cast(hidden * of_target, tf.float32), -1)
    target_logits += tf.cast(tf.gather(bias, targets), tf.float32)
    logits = project(hidden, tf.transpose(tf.gather(kernel, candidates)))
    logits = tf.cast(logits, tf.float32) + tf.cast(tf.gather(bias, candidates), tf.float32)
    hits = targets[:, None] == tf.convert_to_tensor(candidates)[None]
    logits = tf.where(hits, _NEVER, logits - log_counts)
    all_logits = tf.concat([target_logits[:, None], logits], 1)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.zeros_like(targets), all_logits)
