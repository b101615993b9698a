"""What a row may ask of its text beside temperature, top-k, top-p and seed."""

from typing import NamedTuple

import tensorflow as tf

#: The most strings of a row that end it, and the most bytes of one.
MAX_STOPS = 4
MAX_STOP_BYTES = 64
#: Bounds of the penalties: beyond, they would only overflow.
REPETITION_BOUNDS = (0.01, 100)
FREQUENCY_BOUNDS = (-100, 100)


class Controls(NamedTuple):
    """Tensors, a row each, in the order in which they come into effect.

    Of the model's logits, those of tokens that are not to be written become minus infinity; then
    come the penalties, as llama.cpp defines them, the repetition penalty first; then a filter of
    Python's; then top-k, top-p and min-p at the row's temperature; then a token is drawn, and the
    text it makes is searched for stop strings.

    Attributes:
        repetition_penalty: float [B], r. Of each token among the last N, those of the prompt
            included, a positive logit z becomes z / r, another z · r; 1 is off, and below 1 they
            become likelier. (Keskar et al., 2019, arXiv 1909.05858, divide always.)
        repetition_window: int32 [B], N, not negative, for both penalties; 0 puts them off.
        frequency_penalty: float [B], f. z becomes z − c f, for a token that is c of the last N;
            0 is off, and below 0 it becomes likelier.
        min_p: float [B], from 0 to 1. Only tokens at least this probable, relative to the most
            probable one, are drawn; 0 is off (Nguyen et al., 2024, arXiv 2407.01082).
        stop: string [B, S], valid UTF-8 of at most `MAX_STOP_BYTES`; "" is none. A text ends before
            the first of them that it would have.
    """

    stop: tf.Tensor
    min_p: tf.Tensor
    repetition_penalty: tf.Tensor
    repetition_window: tf.Tensor
    frequency_penalty: tf.Tensor

    def window(self) -> tf.Tensor:
        """How many of the last tokens penalties need, int32 [B]: none where they are off."""
        off = (self.repetition_penalty == 1) & (self.frequency_penalty == 0)
        return tf.where(off, 0, self.repetition_window)

    def restrict(self) -> tf.Tensor:
        """Whether any row asks for what changes the choice of a token."""
        return tf.reduce_any((self.min_p > 0) | (self.window() > 0))
