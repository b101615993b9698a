"""What may be written and where it ends: the same for all rows, and fixed in a graph."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Constraints(NamedTuple):
    """What a continuation may hold, and where it ends.

    Attributes:
        stop: ids after which a row ends, before its number of tokens is reached.
        filter: changes what is drawn from, made of TensorFlow operations, or None:
            `(logits float32 [B, V], new_ids int32 [B, t]) -> logits [B, V]` before temperature,
            top-k and top-p, given the t ids that each row has added so far. Minus infinity forbids
            a symbol; one must be left. A row's logits may depend on nothing but that row.
        allow_unknown: whether id 0, `<unk>`, may be produced.
    """

    stop: tuple[int, ...] = ()
    filter: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None
    allow_unknown: bool = False

    def filtered(self, logits: tf.Tensor, new_ids: tf.Tensor) -> tf.Tensor:
        """Logits as the filter leaves them; it must leave their shape."""
        filtered = tf.cast(self.filter(logits, new_ids), logits.dtype)
        return tf.ensure_shape(filtered, [None, logits.shape[1]])

    def ended(self, ids: tf.Tensor) -> tf.Tensor:
        """Where an id is one to stop after."""
        return tf.reduce_any(ids[..., tf.newaxis] == self.stop, axis=-1)


UNCONSTRAINED = Constraints()


def unknown_penalty(num_symbols: int, allow_unknown: bool) -> np.ndarray:
    """What is added to the logits, float32 [V]: minus infinity for `<unk>`, unless allowed."""
    penalty = np.zeros(num_symbols, "float32")
    if not allow_unknown:
        penalty[0] = -np.inf
    return penalty
