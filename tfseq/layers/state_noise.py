"""What is done to the states of a cell at each step: resets, recurrent dropout, and zoneout."""

import inspect
from collections.abc import Sequence
from typing import Any

from keras import ops, tree

from tfseq.errors import InputError
from tfseq.layers.dropout import draw_kept


class StateNoise:
    """One step of a cell, with noise on its states, for one call of a layer.

    With `recurrent_dropout` r, a cell multiplies its recurrent weights by

        M ⊙ H_{t-1} / (1 − r),    M ~ Bernoulli(1 − r), the same at all steps

    (Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287). With `zoneout` z, each state S is

        S_t = D_t ⊙ S_{t-1} + (1 − D_t) ⊙ S̃_t,    D_t ~ Bernoulli(z), anew at each step,

    S̃_t being what the cell gives, and in inference S_t = z S_{t-1} + (1 − z) S̃_t (Krueger et al.,
    2017, https://arxiv.org/abs/1606.01305). An output that is a state is the state after zoneout.

    Before a step of which `resets` says so, the states are set to zero: S_{t-1} ← 0.

    Random numbers are drawn ahead of the loop, for all steps: in a compiled loop there are none.

    Args:
        recurrent_dropout: share in [0, 1).
        zoneout: probability in [0, 1), or one for each state.
        training: whether anything is random.
        resets: bool `[batch, time]`, or None. States without an axis of the batch stay as they are.
    """

    def __init__(
        self,
        recurrent_dropout: float,
        zoneout: float | Sequence[float],
        training,
        resets: Any = None,
    ):
        self._recurrent_dropout = recurrent_dropout if training else 0.0
        self._zoneout = zoneout
        self._training = bool(training)
        self._resets = resets

    @property
    def acts(self) -> bool:
        """Whether a step is not that of the cell alone."""
        return self._resets is not None or self.is_noisy

    @property
    def is_noisy(self) -> bool:
        """Whether a step is another than that of the cell after a reset."""
        return bool(self._recurrent_dropout) or any(tree.flatten(self._zoneout))

    def draw(self, batch_size, num_steps, states, seed_generator) -> list:
        """The random numbers of a call: what `step` reads of each step, bool `[batch, time, …]`."""
        states = tree.flatten(states)
        drawn = [] if self._resets is None else [self._resets[..., None]]
        if self._recurrent_dropout:
            shape = (batch_size, 1, *states[0].shape[1:])
            kept = draw_kept(shape, self._recurrent_dropout, seed_generator)
            drawn.append(ops.broadcast_to(kept, (batch_size, num_steps, *states[0].shape[1:])))
        if self._training:
            for state, rate in zip(states, self._rates(states), strict=True):
                if rate:
                    shape = (batch_size, num_steps, *state.shape[1:])
                    drawn.append(draw_kept(shape, rate, seed_generator))
        return drawn

    def step(self, cell, inputs, states, drawn=(), **keywords) -> tuple:
        """`cell(inputs, states, **keywords)` with this noise; `drawn` without the axis of time."""
        drawn = list(drawn)
        if self._resets is not None:
            resets = drawn.pop(0)
            states = tree.map_structure(lambda state: _reset(state, resets), states)
        if self._recurrent_dropout:
            kept = drawn.pop(0)
            scale = 1 / (1 - self._recurrent_dropout)
            keywords["drop_state"] = lambda h: ops.where(kept, h * scale, ops.cast(0, h.dtype))
        output, new = cell(inputs, states, **keywords)
        before, after = tree.flatten(states), tree.flatten(new)
        zoned = self.zoned(before, after, drawn)
        for one, other in zip(after, zoned, strict=True):
            if output is one:
                output = other
                break
        return output, tree.pack_sequence_as(new, zoned)

    def zoned(self, before: list, after: list, drawn=()) -> list:
        """The states after zoneout, of those before a step and those that the cell gives."""
        drawn = iter(drawn)
        rates = self._rates(after)
        return [
            self._zone(rate, drawn, old, new) if rate else new
            for rate, old, new in zip(rates, before, after, strict=True)
        ]

    def _zone(self, rate, drawn, old, new):
        if self._training:
            return ops.where(next(drawn), new, old)
        return rate * old + (1 - rate) * new

    def _rates(self, states):
        return self._zoneout if tree.is_nested(self._zoneout) else [self._zoneout] * len(states)


def _reset(state, resets):
    """A state that is zero where `resets`, `[batch, 1]`, says so."""
    rank = len(state.shape)
    if rank == 0 or state.shape[0] != resets.shape[0]:
        return state
    if rank == 1:
        resets = resets[:, 0]
    for _ in range(rank - 2):
        resets = resets[..., None]
    return ops.where(resets, ops.cast(0, state.dtype), state)


def check_takes_noise(cell, recurrent_dropout: float, zoneout) -> None:
    """Raise InputError unless `StateNoise` can act on a cell.

    >>> import keras
    >>> check_takes_noise(keras.layers.LSTMCell(3), 0.5, 0.0)
    Traceback (most recent call last):
    tfseq.errors.InputError: `recurrent_dropout` needs a cell whose `call`, or `recur`, takes
    `drop_state`, as those of tfseq do; LSTMCell does not. A cell of Keras takes `recurrent_dropout`
    itself. Received: recurrent_dropout=0.5.
    """
    if recurrent_dropout:
        own_call = getattr(cell, "has_own_call", True)
        function = getattr(cell, "call" if own_call else "recur")
        if "drop_state" not in inspect.signature(function).parameters:
            of_keras = type(cell).__module__.startswith("keras.")
            raise InputError(
                "`recurrent_dropout` needs a cell whose `call`, or `recur`, takes `drop_state`, as "
                f"those of tfseq do; {type(cell).__name__} does not. "
                + ("A cell of Keras takes `recurrent_dropout` itself. " if of_keras else "")
                + f"Received: recurrent_dropout={recurrent_dropout}."
            )
    num_states = len(tree.flatten(cell.state_size))
    if tree.is_nested(zoneout) and len(zoneout) != num_states:
        raise InputError(
            f"`zoneout` must be one probability, or one for each of the {num_states} state(s) of "
            f"the cell. Received: zoneout={zoneout!r}."
        )
