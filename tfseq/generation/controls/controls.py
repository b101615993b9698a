"""What a row may ask of its text beside temperature, top-k, top-p and seed."""

from typing import NamedTuple

import tensorflow as tf

#: The most strings of a row that end it, and the most bytes of one.
MAX_STOPS = 4
MAX_STOP_BYTES = 64


class Controls(NamedTuple):
    """Tensors, a row each.

    Attributes:
        stop: string [B, S], valid UTF-8 of at most `MAX_STOP_BYTES`; "" is none. A text ends before
            the first of them that it would have.
        min_p: float [B], from 0 to 1. Only symbols at least this probable, relative to the most
            probable one, are drawn; 0 is off (Nguyen et al., 2024, arXiv 2407.01082).
    """

    stop: tf.Tensor
    min_p: tf.Tensor

    def restrict(self) -> tf.Tensor:
        """Whether any row asks for what changes the choice of a token."""
        return tf.reduce_any(self.min_p > 0)
