"""Averages of the weights, which are validated and kept in place of the last ones."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.runs.rows.lagging_average import LaggingAverage

#: Validates the model as it is: its metrics, and the loss to be compared.
Measure = Callable[[], tuple[Mapping[str, float], float]]


class Average:
    """θ̄ ← (1 − α) θ̄ + α θ after each update, α being a function of the number n of those before.

    Args:
        weights: θ.
        share: α, of n.
        tables: those of the weights of which an update changes few rows.

    Attributes:
        values: θ̄, one variable for each weight; those of tables lag.
        count: n + 1, a variable: how many updates it is over.
        lagging: the averages of the tables.
    """

    def __init__(
        self,
        weights: Sequence[keras.Variable],
        share: Callable[[tf.Tensor], tf.Tensor],
        tables: Sequence[keras.Variable] = (),
    ):
        self.values = [tf.Variable(w.value, trainable=False) for w in weights]
        self.count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._weights, self._share = weights, share
        values = {id(w): value for w, value in zip(weights, self.values, strict=True)}
        self.lagging = [LaggingAverage(table, values[id(table)]) for table in tables]

    @property
    def variables(self) -> list[tf.Variable]:
        return [*self.values, self.count, *(v for lag in self.lagging for v in lag.variables)]

    def update(self) -> None:
        """Take in the weights as they are. It is traced, in the function that has updated them.

        The rows of tables that it has changed are left to their `lagging` averages.
        """
        share = self._share(tf.cast(self.count, tf.float32))
        tables = {id(lag.weight) for lag in self.lagging}
        for value, weight in zip(self.values, self._weights, strict=True):
            if id(weight) not in tables:
                α = tf.cast(share, value.dtype)
                value.assign((1 - α) * value + α * tf.convert_to_tensor(weight))
        for lag in self.lagging:
            lag.pass_by(share)
        self.count.assign_add(1)

    def restart(self) -> None:
        """Forget all updates: the next one counts whole."""
        self.count.assign(0)

    def assign(self, other: "Average") -> None:
        """Become a copy of another."""
        for variable, value in zip(self.variables, other.variables, strict=True):
            variable.assign(value)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """While it is open, the weights are their average."""
        raw = [w.numpy() for w in self._weights]
        lagging = {id(lag.weight): lag for lag in self.lagging}
        try:
            for weight, value in zip(self._weights, self.values, strict=True):
                lag = lagging.get(id(weight))
                weight.assign(lag.caught_up() if lag else value)
            yield
        finally:
            for weight, value in zip(self._weights, raw, strict=True):
                weight.assign(value)


class Averaging:
    """What all ways to average have in common.

    Attributes:
        averages: all that a step updates; the first one is validated and kept.
    """

    def __init__(self, *averages: Average):
        self.averages = averages

    @property
    def variables(self) -> list[tf.Variable]:
        """What a checkpoint holds."""
        return [v for average in self.averages for v in average.variables]

    @property
    def waits(self) -> bool:
        """Whether averaging is still to begin."""
        return False

    @property
    def num_averaged(self) -> int:
        """How many updates the average is over; 0 where the weights themselves are validated."""
        return 0 if self.waits else int(self.averages[0].count)

    def update(self) -> None:
        """After an update of the weights; see `Average.update`."""
        for average in self.averages:
            average.update()

    def in_use(self) -> contextlib.AbstractContextManager[None]:
        """While it is open, the weights are those that are validated and kept."""
        return self.averages[0].in_use() if self.num_averaged else contextlib.nullcontext()

    def validate(self, measure: Measure, earlier: Sequence[float]) -> tuple[Any, float]:
        """What `measure` says at the end of an epoch.

        Args:
            measure: validates the model as it is.
            earlier: the losses of the epochs before, the last one last.
        """
        with self.in_use():
            return measure()


class Exponential(Averaging):
    """α = 1 − min(`decay`, (1 + n) / (10 + n)): at first over the last tenth of all updates.

    Source: Polyak and Juditsky, 1992, averages all alike; in this form it is TensorFlow's
    `tf.train.ExponentialMovingAverage` with `num_updates`.
    """

    def __init__(self, weights: Sequence[keras.Variable], decay: float, tables=()):
        def share(n):
            return 1 - tf.minimum(decay, (1 + n) / (10 + n))

        super().__init__(Average(weights, share, tables))


class Triggered(Averaging):
    """α = 1 / (n + 1), from the end of the epoch on in which validation has stalled.

    It has stalled when its loss is higher than the least of all that are `interval` epochs old or
    older: v_t > min(v_0, …, v_{t−interval−1}). Until then the weights themselves are validated.

    Source: NT-ASGD of Merity et al., 2017, https://arxiv.org/abs/1708.02182.
    """

    def __init__(self, weights: Sequence[keras.Variable], interval: int, tables=()):
        super().__init__(_uniform(weights, tables))
        self._interval = interval
        self._began = tf.Variable(False, trainable=False)

    @property
    def variables(self) -> list[tf.Variable]:
        return [*super().variables, self._began]

    @property
    def waits(self) -> bool:
        return not self._began.numpy()

    def validate(self, measure: Measure, earlier: Sequence[float]) -> tuple[Any, float]:
        result = super().validate(measure, earlier)
        old = earlier[: -self._interval]
        if self.waits and old and result[1] > min(old):
            self._began.assign(True)
            self.averages[0].restart()
        return result


class TwoTailed(Averaging):
    """Two averages, α = 1 / (n + 1), of which the shorter takes the place of the longer.

    At the end of an epoch both are validated. Where the shorter one is at least as good, it becomes
    the longer one, and the shorter one begins anew. The longer one is kept.

    Source: Two-Tailed Averaging of Melis, 2022, https://arxiv.org/abs/2209.12581.
    """

    def __init__(self, weights: Sequence[keras.Variable], tables=()):
        super().__init__(_uniform(weights, tables), _uniform(weights, tables))

    def validate(self, measure: Measure, earlier: Sequence[float]) -> tuple[Any, float]:
        long, short = self.averages
        with short.in_use():
            result = measure()
        if int(short.count) < int(long.count):
            with long.in_use():
                longer = measure()
            if not result[1] <= longer[1]:
                return longer
        long.assign(short)
        short.restart()
        return result


def make_averaging(
    options: Any, weights: Sequence[keras.Variable], tables: Sequence[keras.Variable] = ()
) -> Averaging | None:
    """The averaging that the options name, of `weights` as they are now; see `Average`."""
    if options.averaging == "ema":
        return Exponential(weights, options.ema_decay, tables)
    if options.averaging == "triggered":
        return Triggered(weights, options.averaging_interval, tables)
    return TwoTailed(weights, tables) if options.averaging == "two_tailed" else None


def _uniform(weights, tables):
    return Average(weights, lambda n: 1 / (n + 1), tables)
