"""The windows that a language model is trained on, and the states that they begin with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data import num_batches, random_windows, sequential_windows
from tfseq.data.varied_windows import mean_length, varied_windows, window_lengths
from tfseq.tasks.language_model.options import LanguageModelOptions

_WINDOWS = {"random": random_windows, "sequential": sequential_windows}
# Sets the draws of resets apart from those of windows, which have (seed, epoch).
_RESETS = 1


def training_windows(
    options: LanguageModelOptions, ids: np.ndarray, epoch: int, start_batch: int
) -> tf.data.Dataset:
    """The batches of an epoch from `start_batch` on: `(inputs, targets)`, int32 `[B, T]`.

    With `state_reset` there is a third part, bool `[B]`: whether a row keeps its state, see
    `resetting`. All of it is a function of the options' seed, the epoch and the batch.

    Args:
        options: with no field left None that `with_defaults_filled` fills.
        ids: integer `[N]`.
        epoch, start_batch: as `random_windows` has them.

    Raises:
        InputError: too little text for one batch.
    """
    sizes = (ids, options.batch_size, options.num_steps)
    place = {"seed": options.seed, "epoch": epoch, "start_batch": start_batch}
    if options.window_lengths == "varied":
        windows = varied_windows(*sizes, options.sampling, **place)
    else:
        windows = _WINDOWS[options.sampling](*sizes, **place)
    if not options.state_reset:
        return windows
    stop = start_batch + int(windows.cardinality())
    rng = np.random.default_rng([options.seed, epoch, _RESETS])
    kept = rng.random([stop, options.batch_size]) >= options.state_reset
    kept = tf.data.Dataset.from_tensor_slices(kept[start_batch:])
    return tf.data.Dataset.zip(windows, kept).map(lambda window, kept: (*window, kept))


def batch_specs(options: LanguageModelOptions) -> list[tuple[Any, float]]:
    """`Objective.batch_specs`: the learning rate goes with the length of a window."""
    if options.window_lengths == "fixed":
        return []
    size, steps = options.batch_size, options.num_steps
    kept = (tf.TensorSpec([size], tf.bool),) if options.state_reset else ()
    window = {t: tf.TensorSpec([size, t], tf.int32) for t in window_lengths(steps)}
    return [((spec, spec, *kept), t / steps) for t, spec in window.items()]


def longest_window(options: LanguageModelOptions) -> int:
    """The most tokens that a window has."""
    if options.window_lengths == "fixed":
        return options.num_steps
    return max(window_lengths(options.num_steps))


def resetting(loss: Callable) -> Callable:
    """The loss of batches `(inputs, targets, kept)`: a row that is not kept begins from zero.

    Args:
        loss: that of batches `(inputs, targets)`, as `Objective.loss`.
    """

    def of_kept(batch, states, *more):
        inputs, targets, kept = batch

        def begin(state):
            rows = tf.reshape(kept, [-1] + [1] * (state.shape.rank - 1))
            return tf.where(rows, state, tf.zeros_like(state))

        return loss((inputs, targets), tf.nest.map_structure(begin, states), *more)

    return of_kept


def schedule_steps(options: LanguageModelOptions, num_tokens: int) -> float:
    """What the learning-rate schedule takes an epoch to be: the most steps there can be.

    Their number varies by one with an epoch's offset; a schedule does not depend on chance. Where
    the lengths of windows vary, it is the number of steps of the mean length.
    """
    if options.window_lengths == "varied":
        tokens = options.batch_size * mean_length(options.num_steps)
        return max((num_tokens - 1) / tokens, 1.0)
    return max(num_batches(num_tokens, options.batch_size, options.num_steps), 1)
