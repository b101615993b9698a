"""What is made of gradients: their mean, clipped, moves the weights, and so their averages."""

import contextlib
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfseq.runs.recipe.averaging import Averaging
from tfseq.runs.recipe.layer_rates import LayerRates
from tfseq.runs.recipe.schedule import Schedule
from tfseq.runs.row_gradients import SummedRows


class Update:
    """(losses, shares, gradients) -> (mean loss, norm before clipping); updates the weights.

        g = Σ share_i g_i,  g ← g · min(1, clip / ‖g‖),  θ ← update(θ, g),  averages ← θ

    It is traced, within a function that XLA may compile. Where gradients are accumulated it takes
    `(…, num_targets, last)` besides: g is then the mean over the targets of all batches since the
    last update, and no update is made unless `last`.

    Args:
        optimizer: built for the weights.
        weights: the trainable variables.
        clip_norm: the largest norm of the gradient; None leaves it as it is.
        averaging: of the weights, or None.
        accumulate: batches for an update.
        rate: the learning rate of the optimizer, where `at_rate` is to change it.
        layer_rates: which weights move when, and how far; None: all of them, by what the optimizer
            says.
        updates_per_epoch: what `layer_rates` takes an epoch to be.

    Attributes:
        accumulated: the sum of gradients since the last update, the number of targets that it is
            over, the sum of the batches' factors of the learning rate, and their number: variables;
            none where each batch makes an update.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        weights: Sequence[keras.Variable],
        clip_norm: float | None,
        averaging: Averaging | None = None,
        accumulate: int = 1,
        rate: float | Schedule = 0.0,
        layer_rates: LayerRates | None = None,
        updates_per_epoch: float = 1.0,
    ):
        self._rate, self._factor = rate, 1.0
        self._optimizer, self._weights, self._clip_norm = optimizer, weights, clip_norm
        self._averaging = averaging
        self._layer_rates, self._updates_per_epoch = layer_rates, updates_per_epoch
        self.accumulated: list[tf.Variable] = []
        if accumulate > 1:
            zeros = [tf.zeros_like(w.value) for w in weights] + [tf.zeros([])] * 3
            self.accumulated = [tf.Variable(z, trainable=False) for z in zeros]

    @property
    def number(self) -> keras.Variable:
        """How many updates have been made."""
        return self._optimizer.iterations

    @property
    def variables(self) -> list:
        """All that an update writes, but for the weights."""
        averages = self._averaging.variables if self._averaging else []
        return [*self._optimizer.variables, *averages, *self.accumulated]

    def at_rate(self, factor: float) -> contextlib.AbstractContextManager[None]:
        """While it is open, updates are traced whose learning rate is `factor` times as high.

        Where gradients are accumulated, it is the mean of the factors of their batches.
        """
        self._factor = factor
        return contextlib.nullcontext() if factor == 1 else self._rate.scaled(factor)

    def __call__(self, losses, shares, gradients, num_targets=None, last=None):
        dense, distinct = [], []
        for g in gradients:
            rows = isinstance(g, SummedRows)
            dense.append(g.dense() if rows else _mean(g, shares))
            # Rows that no batch has read add nothing to the norm.
            distinct.append(g.values if rows else dense[-1])
        if last is not None:
            dense = distinct = self._mean_of_accumulated(dense, num_targets)
        moves = self._moves()
        norm = tf.linalg.global_norm(list(map(_moving, distinct, moves)))
        if self._clip_norm is not None:
            dense, _ = tf.clip_by_global_norm(dense, self._clip_norm, use_norm=norm)
        if last is None:
            self._apply(dense, moves)
        else:
            tf.cond(last, lambda: self._apply(dense, moves), lambda: False)
        return _mean(losses, shares), norm

    def _mean_of_accumulated(self, gradients, num_targets):
        """Take in the gradients of a batch; the mean over all targets since the last update."""
        *sums, count, factors, batches = self.accumulated
        weight = tf.cast(num_targets, count.dtype)
        for variable, value in ((count, weight), (factors, self._factor), (batches, 1.0)):
            variable.assign_add(value)
        for total, g in zip(sums, gradients, strict=True):
            if g is not None:
                total.assign_add(g * tf.cast(weight, g.dtype))
        return [
            None if g is None else tf.math.divide_no_nan(total, tf.cast(count, g.dtype))
            for total, g in zip(sums, gradients, strict=True)
        ]

    def _moves(self):
        """What part of its movement each weight makes; None where it is all."""
        if self._layer_rates is None:
            return [None] * len(self._weights)
        updates = tf.convert_to_tensor(self._optimizer.iterations)
        return self._layer_rates.shares(self._weights, updates, self._updates_per_epoch)

    def _apply(self, gradients, moves):
        rate = contextlib.nullcontext()
        if self.accumulated and isinstance(self._rate, Schedule):
            *_, factors, batches = self.accumulated
            rate = self._rate.scaled(factors / batches)
        parts = [(w, s) for w, s in zip(self._weights, moves, strict=True) if s is not None]
        before = [tf.identity(w) for w, _ in parts]
        with rate:
            self._optimizer.apply_gradients(zip(gradients, self._weights, strict=True))
        for (weight, share), value in zip(parts, before, strict=True):
            weight.assign(value + tf.cast(share, value.dtype) * (weight - value))
        if self._averaging is not None:
            self._averaging.update()
        for variable in self.accumulated:
            variable.assign(tf.zeros_like(variable))
        return True


def means(losses, shares, gradients) -> tuple:
    """(mean loss, mean gradients) of several parts; it is traced."""
    dense = [g.dense() if isinstance(g, SummedRows) else _mean(g, shares) for g in gradients]
    return _mean(losses, shares), dense


def _mean(values, shares):
    if len(values) == 1 or values[0] is None:
        return values[0]
    return tf.add_n([v * tf.cast(s, v.dtype) for v, s in zip(values, shares, strict=True)])


def _moving(gradient, share):
    """A gradient as the norm counts it: nothing of a weight that does not move."""
    if gradient is None or share is None:
        return gradient
    return gradient * tf.cast(share > 0, gradient.dtype)
