"""One random symbol for each row of logits: temperature, top-k and top-p, each row with its own."""

from collections.abc import Callable

import tensorflow as tf

from tfseq.generation.whole_registers import in_whole_registers

# From here on symbols are drawn uniformly; higher temperatures would only overflow.
_HOTTEST = 1e30


def sample(
    logits: tf.Tensor,
    noise: tf.Tensor,
    temperature: tf.Tensor,
    top_k: tf.Tensor,
    top_p: tf.Tensor,
) -> tf.Tensor:
    """Draw one symbol a row by the Gumbel-max trick.

    With g_v standard Gumbel, argmax_v (z_v / temperature + g_v) is distributed as
    softmax(z / temperature) (Gumbel, 1954; Maddison et al., 2014). Times the temperature that is
    argmax_v (z_v + temperature · g_v), which at 0 is the greedy choice. A last-bit difference in
    the logits (another batch size, another machine) changes the symbol only where two sums are
    equal but for it.

    top-k keeps the k most probable symbols. top-p then keeps the smallest set of them whose
    share of what is left reaches p, and at least one (Holtzman et al., 2020). Between equally
    probable symbols the lower id goes first, for the greedy choice too.

    Args:
        logits: float [B, V]. Minus infinity forbids a symbol.
        noise: float [B, V], as `tfseq.generation.gumbel_noise` gives it for one step.
        temperature: float [B], not negative. 0 takes the most probable symbol (greedy).
        top_k: int32 [B], not negative. 0 is off.
        top_p: float [B] in [0, 1]. 1 is off.

    Returns:
        int32 [B], the ids drawn.

    Example:
        >>> import tensorflow as tf
        >>> logits = tf.math.log([[0.5, 0.2, 0.3]] * 4)
        >>> noise = tf.constant([[0.0, 1.0, 3.0]] * 4)
        >>> sample(logits, noise, [1.0, 1.0, 1.0, 0.0], [0, 1, 2, 0], [1.0] * 4).numpy()
        array([2, 0, 2, 0], dtype=int32)
    """
    logits = tf.cast(logits, tf.float32)
    noise = tf.convert_to_tensor(noise)
    logits = tf.cond(
        any_filter(top_k, top_p),
        lambda: most_probable(tf.shape(logits)[1], temperature, top_k, top_p)(logits),
        lambda: logits,
    )
    return draw(logits, scale_noise(noise, temperature))


def draw(logits: tf.Tensor, scaled_noise: tf.Tensor) -> tf.Tensor:
    """The symbols of the largest sums, int32 [B]."""
    return tf.argmax(logits + scaled_noise, axis=-1, output_type=tf.int32)


def scale_noise(noise: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
    """Noise [B, …] times its row's temperature [B]."""
    temperature = tf.minimum(tf.cast(temperature, tf.float32), _HOTTEST)
    for _ in range(noise.shape.rank - 1):
        temperature = temperature[..., tf.newaxis]
    return tf.cast(noise, tf.float32) * temperature


def any_filter(top_k: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
    """Whether top-k or top-p is on in any row."""
    return tf.reduce_any((tf.cast(top_k, tf.int32) > 0) | (tf.cast(top_p, tf.float32) < 1))


def most_probable(
    num_symbols: int | tf.Tensor, temperature: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor
) -> Callable[[tf.Tensor], tf.Tensor]:
    """logits float32 [B, V] -> the same, minus infinity where top-k and top-p leave a symbol out.

    Logits are ranked and compared as they are given, so equal ones are equally probable. Every
    number that a row's choice rests on is the same wherever the row stands, and whatever stands
    beside it: exponentials are computed `in_whole_registers`, and a cumulative sum goes through its
    row from left to right.

    What depends on the settings alone is computed at once, outside the loop that uses the function.
    """
    temperature = tf.cast(temperature, tf.float64)
    divisor = tf.where(temperature <= 0, tf.ones_like(temperature), temperature)[:, tf.newaxis]
    top_k = tf.minimum(tf.cast(top_k, tf.int32), num_symbols)
    top_p = tf.cast(top_p, tf.float64)
    share = top_p[:, tf.newaxis]
    off = (top_k == 0) & (top_p >= 1)
    limit = tf.where(top_k > 0, top_k, num_symbols)
    # Only as many logits are ordered as the most demanding row needs; there may be no row.
    num_ordered = tf.maximum(tf.reduce_max(tf.where(off, tf.ones_like(limit), limit)), 1)
    limit = tf.minimum(limit, num_ordered)[:, tf.newaxis]
    last_place = limit - 1
    # Without top-p, a nucleus of any size will do.
    floor = tf.where(top_p < 1, 1, num_symbols)[:, tf.newaxis]
    off = off[:, tf.newaxis]
    ids = tf.range(num_symbols)

    def keep(logits):
        # Of equal logits the lower id comes first.
        ordered, ordered_ids = tf.math.top_k(logits, k=num_ordered)
        z = tf.cast(ordered, tf.float64)
        mass = tf.cumsum(in_whole_registers(tf.exp, (z - z[:, :1]) / divisor), axis=1)
        short = mass < share * tf.gather(mass, last_place, batch_dims=1)
        nucleus = floor + tf.reduce_sum(tf.cast(short, tf.int32), axis=1, keepdims=True)
        place = tf.minimum(limit, nucleus) - 1
        last = tf.gather(ordered, place, batch_dims=1)
        last_id = tf.gather(ordered_ids, place, batch_dims=1)
        kept = (logits > last) | ((logits == last) & (ids <= last_id)) | off
        return tf.where(kept, logits, -float("inf"))

    return keep
