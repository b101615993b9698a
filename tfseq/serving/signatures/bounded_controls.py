"""What a request asks of a text, brought into bounds in graph."""

import tensorflow as tf

from tfseq.generation.controls.controls import (
    FREQUENCY_BOUNDS,
    MAX_STOP_BYTES,
    MAX_STOPS,
    REPETITION_BOUNDS,
    Controls,
)
from tfseq.serving.signatures.clamping import clamp, keep_first_bytes


def bounded_controls(given: Controls, max_window: int) -> tuple[Controls, list[tf.Tensor]]:
    """The controls of each row as they are used, and warnings, string [B], where they differ.

    Of the strings `stop`, invalid UTF-8 becomes U+FFFD; those past the most that there may be, and
    what is past the most bytes of one, are left out.
    """
    stop = tf.strings.unicode_transcode(given.stop, "UTF-8", "UTF-8", errors="replace")
    shape = tf.shape(stop[:, :MAX_STOPS])
    kept, cut = keep_first_bytes(tf.reshape(stop[:, :MAX_STOPS], [-1]), MAX_STOP_BYTES)
    long = tf.reduce_any(tf.reshape(cut, shape), axis=1)
    many = tf.reduce_any(stop[:, MAX_STOPS:] != "", axis=1)
    min_p, improbable = clamp(given.min_p, "min_p", 0, 1)
    repetition, strong = clamp(
        given.repetition_penalty, "repetition_penalty", *REPETITION_BOUNDS, not_a_number=1
    )
    window, wide = clamp(given.repetition_window, "repetition_window", 0, max_window)
    frequency, heavy = clamp(given.frequency_penalty, "frequency_penalty", *FREQUENCY_BOUNDS)
    controls = Controls(tf.reshape(kept, shape), min_p, repetition, window, frequency)
    return controls, [
        tf.where(many, f"Of `stop` the first {MAX_STOPS} strings only were used. ", ""),
        tf.where(long, f"Of each `stop` the first {MAX_STOP_BYTES} bytes only were used. ", ""),
        improbable,
        strong,
        wide,
        heavy,
    ]
