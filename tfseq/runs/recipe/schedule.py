"""The learning rate, as a function of the number of updates."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from tfseq.errors import InputError

#: Where one cycle begins, as a fraction of the peak, and what part of the run it rises for.
CYCLE_START, CYCLE_RISE = 1 / 25, 0.3


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Update t, from 0, has the rate η · shape(t) · factor.

    Args:
        peak: η.
        shape: t, a float32 scalar -> a part of the peak.

    Attributes:
        factor: of all rates, while a step is traced; see `scaled`.

    >>> halves = Schedule(0.5, lambda t: 0.5**t)
    >>> [float(halves(t)) for t in range(3)]
    [0.5, 0.25, 0.125]
    """

    def __init__(self, peak: float, shape: Callable[[tf.Tensor], tf.Tensor]):
        self.peak, self.shape, self.factor = peak, shape, 1.0

    def __call__(self, step):
        return self.peak * self.shape(tf.cast(step, tf.float32)) * self.factor

    @contextmanager
    def scaled(self, factor: float | tf.Tensor) -> Iterator[None]:
        """While it is open, rates are `factor` times as high."""
        before, self.factor = self.factor, factor
        try:
            yield
        finally:
            self.factor = before

    def get_config(self):
        return {"peak": self.peak, "shape": self.shape}


def learning_rate(
    options: Any, updates_per_epoch: float, varies: bool = False
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate that the options describe, as an optimizer takes it.

    With η the peak, W the updates of the warm-up, U those of an epoch and N those of the run,
    and u = (t − W) / (N − 1 − W), held to [0, 1]:

    | `schedule` | rate of update t |
    |---|---|
    | `constant` | η |
    | `exponential` | η dᵗᐟᵁ, d being `learning_rate_decay` |
    | `cosine` | η (f + (1 − f) (1 + cos πu) / 2), f being `final_rate` |
    | `one_cycle` | before W: η (s + (1 − s) (1 − cos πt/W) / 2), s = 1/25; then as cosine |

    Before W, all but `one_cycle` are multiplied by (t + 1) / W.

    Args:
        options: `TrainingOptions`.
        updates_per_epoch: U; it need not be whole.
        varies: whether `Schedule.scaled` is called; then it always is a `Schedule`.

    Raises:
        InputError: the warm-up is as long as the run that the schedule is spread over.

    Source: cosine: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983, without
    restarts. One cycle: Smith and Topin, 2018, https://arxiv.org/abs/1708.07120, in the form that
    `torch.optim.lr_scheduler.OneCycleLR` has; momentum is left alone.

    >>> from tfseq.options.training_options import TrainingOptions
    >>> options = TrainingOptions(schedule="cosine", learning_rate=1, epochs=2, final_rate=0.5)
    >>> [round(float(learning_rate(options, 2)(t)), 3) for t in range(4)]
    [1.0, 0.875, 0.625, 0.5]
    """
    peak, kind = float(options.learning_rate), options.schedule
    if kind == "exponential":
        shape = _falling(options.learning_rate_decay, updates_per_epoch)
    else:
        shape = tf.ones_like
    warmup = options.warmup_epochs()
    if options.spreads_over_run():
        if warmup >= options.epochs:
            raise InputError(
                f"`warmup` must be less than `epochs` with `schedule` {kind}. Received: `warmup` "
                f"{warmup:g}, `epochs` {options.epochs}."
            )
        shape = _cosine(
            warmup * updates_per_epoch, options.epochs * updates_per_epoch, options.final_rate
        )
    elif not warmup and not varies:
        if kind == "exponential" and options.learning_rate_decay < 1:
            return keras.optimizers.schedules.ExponentialDecay(
                peak, decay_steps=updates_per_epoch, decay_rate=options.learning_rate_decay
            )
        return peak
    rise = _cycle_rise if kind == "one_cycle" else _linear_rise
    updates = warmup * updates_per_epoch
    return Schedule(peak, rise(updates, shape) if updates else shape)


def _falling(decay, updates_per_epoch):
    return lambda t: tf.pow(decay, t / updates_per_epoch)


def _cosine(start, stop, final):
    length = max(stop - 1 - start, 1)

    def shape(t):
        u = tf.clip_by_value((t - start) / length, 0.0, 1.0)
        return final + (1 - final) * (1 + tf.cos(math.pi * u)) / 2

    return shape


def _linear_rise(updates, shape):
    return lambda t: tf.minimum((t + 1) / updates, 1.0) * shape(t)


def _cycle_rise(updates, shape):
    def rise(t):
        risen = CYCLE_START + (1 - CYCLE_START) * (1 - tf.cos(math.pi * t / updates)) / 2
        return tf.where(t < updates, risen, shape(t))

    return rise
