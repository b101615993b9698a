"""One random symbol for each row of logits: temperature, top-k and top-p, each row with its own."""

import tensorflow as tf


def sample(
    logits: tf.Tensor,
    uniforms: tf.Tensor,
    temperature: tf.Tensor,
    top_k: tf.Tensor,
    top_p: tf.Tensor,
) -> tf.Tensor:
    """Draw one symbol a row by inverting the cumulative distribution.

    With weights w_v = exp((z_v − max z) / temperature), those outside the row's top-k and top-p
    set to zero, the symbol drawn is the first v with w_1 + … + w_v > u · Σ w. A symbol of weight
    zero is never drawn. The sum runs in the order of the ids, not of the probabilities, so that a
    last-bit difference in the logits (another batch size, another machine) changes the symbol
    only when u falls on the very boundary between two.

    top-k keeps the k most probable symbols. top-p then keeps the smallest set of them whose
    share of what is left reaches p, and at least one (Holtzman et al., 2020). Between equally
    probable symbols the lower id goes first, for the greedy choice too.

    Args:
        logits: float [B, V]. Minus infinity forbids a symbol.
        uniforms: float64 [B] in [0, 1), one random number for each row.
        temperature: float [B], not negative. 0 takes the most probable symbol (greedy).
        top_k: int32 [B], not negative. 0 is off.
        top_p: float [B] in [0, 1]. 1 is off.

    Returns:
        int32 [B], the ids drawn.

    Example:
        >>> import tensorflow as tf
        >>> logits = tf.math.log([[0.5, 0.2, 0.3]] * 4)
        >>> uniforms = tf.constant([0.0, 0.6, 0.6, 0.6], tf.float64)
        >>> sample(logits, uniforms, [1.0, 1.0, 1.0, 0.0], [0, 0, 2, 0], [1.0] * 4).numpy()
        array([0, 1, 0, 0], dtype=int32)
    """
    logits = tf.cast(logits, tf.float64)
    uniforms = tf.cast(uniforms, tf.float64)
    temperature = tf.cast(temperature, tf.float64)
    top_k = tf.cast(top_k, tf.int32)
    top_p = tf.cast(top_p, tf.float64)
    greedy = temperature <= 0
    divisor = tf.where(greedy, tf.ones_like(temperature), temperature)[:, tf.newaxis]
    weights = tf.exp((logits - tf.reduce_max(logits, axis=1, keepdims=True)) / divisor)
    weights = tf.cond(
        tf.reduce_any((top_k > 0) | (top_p < 1)),
        lambda: tf.where(_kept(weights, top_k, top_p), weights, tf.zeros_like(weights)),
        lambda: weights,
    )
    cumulative = tf.cumsum(weights, axis=1)
    threshold = uniforms[:, tf.newaxis] * cumulative[:, -1:]
    drawn = tf.reduce_sum(tf.cast(cumulative <= threshold, tf.int32), axis=1)
    # Only logits that are no numbers get here with an id past the last one.
    drawn = tf.minimum(drawn, tf.shape(logits)[1] - 1)
    return tf.where(greedy, tf.argmax(logits, axis=1, output_type=tf.int32), drawn)


def _kept(weights: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
    """Boolean [B, V]: the symbols that stay after top-k and top-p."""
    num_symbols = tf.shape(weights)[1]
    top_k = tf.minimum(top_k, num_symbols)
    off = (top_k == 0) & (top_p >= 1)
    limit = tf.where(top_k > 0, top_k, num_symbols)
    # Only as many weights are ordered as the most demanding row needs.
    num_ordered = tf.reduce_max(tf.where(off, tf.ones_like(limit), limit))
    limit = tf.minimum(limit, num_ordered)
    ordered = tf.math.top_k(weights, k=num_ordered).values

    mass = tf.cumsum(ordered, axis=1)
    total = tf.gather(mass, limit - 1, batch_dims=1)
    mass_before = tf.cumsum(ordered, axis=1, exclusive=True)
    needed = mass_before < (top_p * total)[:, tf.newaxis]
    nucleus = tf.maximum(tf.reduce_sum(tf.cast(needed, tf.int32), axis=1), 1)
    count = tf.where(top_p < 1, tf.minimum(limit, nucleus), limit)[:, tf.newaxis]

    last = tf.gather(ordered, count - 1, batch_dims=1)
    above = weights > last
    tied = weights == last
    places = count - tf.reduce_sum(tf.cast(above, tf.int32), axis=1, keepdims=True)
    first_tied = tied & (tf.cumsum(tf.cast(tied, tf.int32), axis=1) <= places)
    return above | first_tied | off[:, tf.newaxis]
