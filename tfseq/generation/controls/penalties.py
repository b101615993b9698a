"""Tokens made less likely for having been written: each row has its own penalties and window."""

import tensorflow as tf

from tfseq.generation.controls.controls import Controls
from tfseq.generation.row_groups import longest


class Penalties:
    """Repetition and frequency penalty of `Controls`.

    c_v = how many of the last N tokens are v;
    z_v ← z_v / r if z_v > 0, else z_v · r, where c_v > 0;  z_v ← z_v − c_v f.

    The last tokens are kept in a ring, the one at place a of prompt and text in slot a mod N, so
    that a new token costs the same in a long window as in a short one.

    Args:
        controls: of B rows.
        prompt_ids: int32 [B, T], padded on the right.
        prompt_lengths: int32 [B].
        max_new_tokens: int32 [B].
        num_symbols: V.

    Source: llama.cpp, `llama_sampler_penalties_apply`, without its presence penalty.
    """

    def __init__(
        self,
        controls: Controls,
        prompt_ids: tf.Tensor,
        prompt_lengths: tf.Tensor,
        max_new_tokens: tf.Tensor,
        num_symbols: int,
    ):
        window = tf.minimum(controls.window(), prompt_lengths + max_new_tokens)
        on = (window > 0)[:, tf.newaxis]
        self._repetition = tf.where(on, controls.repetition_penalty[:, tf.newaxis], 1)
        self._frequency = tf.where(on, controls.frequency_penalty[:, tf.newaxis], 0)
        self._window = tf.maximum(window, 1)
        self._prompt = prompt_ids, prompt_lengths
        self._rows = tf.range(tf.size(window))
        self._num_symbols = num_symbols

    def before(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The counts c after the prompts, float32 [B, V], and the ring, int32 [B, N]; −1: none."""
        ids, lengths = self._prompt
        last = lengths[:, tf.newaxis] - 1
        slots, window = tf.range(longest(self._window)), self._window[:, tf.newaxis]
        places = last - (last - slots) % window
        # A column more: what has none cannot be read from.
        ring = tf.gather(tf.pad(ids, [[0, 0], [0, 1]]), tf.maximum(places, 0), batch_dims=1)
        ring = tf.where((places >= 0) & (slots < window), ring, -1)
        cells = tf.where(ring < 0, -1, self._rows[:, tf.newaxis] * self._num_symbols + ring)
        shape = tf.stack([tf.size(self._rows), self._num_symbols])
        counts = tf.math.unsorted_segment_sum(
            tf.ones_like(ring, tf.float32), cells, tf.reduce_prod(shape)
        )
        return tf.reshape(counts, shape), ring

    def applied(self, logits: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """Logits float32 [B, V] with both penalties."""
        factor = tf.where(counts > 0, self._repetition, 1)
        logits = tf.where(logits > 0, logits / factor, logits * factor)
        return logits - counts * self._frequency

    def after(
        self, step: tf.Tensor, chosen: tf.Tensor, counts: tf.Tensor, ring: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Counts and ring with the token chosen at a step, int32 [B]."""
        slots = (self._prompt[1] + step) % self._window
        leaving = tf.gather(ring, slots, batch_dims=1)
        counts += tf.one_hot(chosen, self._num_symbols) - tf.one_hot(leaving, self._num_symbols)
        ring = tf.tensor_scatter_nd_update(ring, tf.stack([self._rows, slots], axis=1), chosen)
        return counts, ring
