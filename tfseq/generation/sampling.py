"""One random symbol for each row of logits: temperature, top-k and top-p, each row with its own."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.generation.whole_registers import whole_registers

# From here on symbols are drawn uniformly; higher temperatures would only overflow.
_HOTTEST = 1e30
# Of so many symbols all may be ranked where only some rows of a batch ask for it.
_MOST_RANKED_FOR_NOTHING = 1024


class SamplerSettings(NamedTuple):
    """How symbols are drawn: each setting is one number, or one for each row, [B].

    Attributes:
        temperature: not negative. Low is careful, high is wild; 1 is the model as it is, and 0
            takes the most probable symbol (greedy).
        top_k: not negative. Only the k most probable symbols are drawn; 0 is off.
        top_p: from 0 to 1. Only the fewest symbols that together have this share are drawn, and at
            least one; 1 is off.
        seed: 64 bits. A row's random numbers depend on its own seed alone.
    """

    temperature: tf.Tensor | float = 1.0
    top_k: tf.Tensor | int = 0
    top_p: tf.Tensor | float = 1.0
    seed: tf.Tensor | int = 0

    def rows(self, num_rows: int | tf.Tensor) -> "SamplerSettings":
        """The settings as tensors [num_rows]."""
        dtypes = (tf.float32, tf.int32, tf.float32, tf.int64)
        columns = (tf.cast(value, dtype) for value, dtype in zip(self, dtypes, strict=True))
        return SamplerSettings(*(tf.broadcast_to(column, [num_rows]) for column in columns))

    def truncates(self) -> tf.Tensor:
        """Whether top-k or top-p is on in any row."""
        return tf.reduce_any((self.top_k > 0) | (self.top_p < 1))


def sample(logits: tf.Tensor, noise: tf.Tensor, settings: SamplerSettings) -> tf.Tensor:
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
        noise: float [B, V], as `tfseq.generation.gumbel_noise` gives it for one step of a seed.
        settings: temperature, top-k and top-p; the seed is in the noise.

    Returns:
        int32 [B], the ids drawn.

    Example:
        >>> import tensorflow as tf
        >>> logits = tf.math.log([[0.5, 0.2, 0.3]] * 4)
        >>> noise = tf.constant([[0.0, 1.0, 3.0]] * 4)
        >>> settings = SamplerSettings(temperature=[1.0, 1.0, 1.0, 0.0], top_k=[0, 1, 2, 0])
        >>> sample(logits, noise, settings).numpy()
        array([2, 0, 2, 0], dtype=int32)
    """
    num_rows, num_symbols = tf.unstack(tf.shape(logits))
    scale, draw = sampler(settings.rows(num_rows), num_symbols)
    return draw(tf.cast(logits, tf.float32), scale(tf.cast(noise, tf.float32)))


def sampler(
    settings: SamplerSettings,
    num_symbols: int | tf.Tensor,
    truncate: bool | None = None,
    min_p: tf.Tensor | None = None,
) -> tuple[Callable, Callable]:
    """The two halves of `sample`, for many steps: `scale(noise)` and `draw(logits, scaled_noise)`.

    What depends on the settings alone, tensors [B], is computed here, outside of a loop; noise
    [B, …, V] is scaled for many steps at once. `truncate` says whether there may be rows with top-k
    or top-p; None looks, at every step.
    """
    temperature = tf.minimum(settings.temperature, _HOTTEST)
    draw_ranked = ranked_draw(settings, num_symbols, min_p)

    def scale(noise):
        return noise * tf.reshape(temperature, [-1] + [1] * (noise.shape.rank - 1))

    def draw_any(logits, scaled_noise):
        return tf.argmax(logits + scaled_noise, axis=-1, output_type=tf.int32)

    def draw(logits, scaled_noise):
        if truncate is None:
            return tf.cond(
                settings.truncates(),
                lambda: draw_ranked(logits, scaled_noise),
                lambda: draw_any(logits, scaled_noise),
            )
        return (draw_ranked if truncate else draw_any)(logits, scaled_noise)

    return scale, draw


def ranked_draw(
    settings: SamplerSettings, num_symbols: int | tf.Tensor, min_p: tf.Tensor | None = None
) -> Callable:
    """(logits, scaled noise), float32 [B, V] -> the symbols drawn, of those that are kept, int32.

    With z_1 ≥ z_2 ≥ … the logits in order, e_j = exp((z_j − z_1) / temperature) and k = V where
    top-k is off, the symbol of place j is kept where Σ_{i<j} e_i < p Σ_{i≤k} e_i, and e_j is at
    least min-p. So p = 1 keeps the first k, but for such as add nothing to the sum, which no noise
    would lift to the first place.

    Logits are ranked and compared as they are given, so equal ones are equally probable. Every
    number that a row's choice rests on is the same wherever the row stands, and whatever stands
    beside it: a row of exponentials fills whole registers, as `in_whole_registers` tells, and a
    cumulative sum goes through its row from left to right. A step of a small model has hardly more
    operations than these, so they are few.
    """
    temperature, top_k, top_p, _ = (column[:, tf.newaxis] for column in settings)
    temperature, top_p = tf.cast(temperature, tf.float64), tf.cast(top_p, tf.float64)
    # At least one symbol is kept: e_1 is 1.
    top_p = tf.maximum(top_p, np.finfo(np.float64).tiny)
    divisor = tf.where(temperature <= 0, tf.ones_like(temperature), temperature)
    limit = tf.where(top_k > 0, tf.minimum(top_k, num_symbols), num_symbols)
    off = (top_k == 0) & (top_p >= 1)
    if min_p is not None:
        min_p = tf.cast(min_p[:, tf.newaxis], tf.float64)
        off &= min_p <= 0
    # Many symbols are not ordered for the sake of rows that ask for nothing.
    apart = tf.is_tensor(num_symbols) or num_symbols > _MOST_RANKED_FOR_NOTHING
    if apart:
        limit = tf.where(off, 1, limit)
    # As many places as the most demanding row needs, one more, and whole registers.
    num_places = whole_registers(tf.maximum(tf.reduce_max(limit), 1) + 1)
    padding = [[0, 0], [0, whole_registers(num_symbols + 1) - num_symbols]]

    def draw(logits, scaled_noise):
        ranked, ids = tf.math.top_k(tf.pad(logits, padding, constant_values=-np.inf), num_places)
        z = tf.cast(ranked, tf.float64)
        shares = tf.exp((z - z[:, :1]) / divisor)
        before = tf.cumsum(shares, axis=1, exclusive=True)
        kept = before < top_p * tf.gather(before, limit, batch_dims=1)
        if min_p is not None:
            kept &= shares >= min_p
        # Of what is not a number, any place may come out.
        ids = tf.minimum(ids, num_symbols - 1)
        sums = ranked + tf.gather(scaled_noise, ids, batch_dims=1)
        place = tf.argmax(tf.where(kept, sums, -np.inf), axis=-1, output_type=tf.int32)
        chosen = tf.gather(ids, place, batch_dims=1)
        if not apart:
            return chosen
        anything = tf.argmax(logits + scaled_noise, axis=-1, output_type=tf.int32)
        return tf.where(off[:, 0], anything, chosen)

    return draw
