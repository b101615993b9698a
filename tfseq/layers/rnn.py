"""A cell run over a sequence."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops, tree

from tfseq.cells.table import register_cells
from tfseq.layers.call_checks import check_mask, check_rank, check_states
from tfseq.layers.keras_loop import run_on_keras
from tfseq.layers.scan import has_linear_steps, run_scan, scans
from tfseq.layers.state_noise import StateNoise, check_takes_noise
from tfseq.layers.weight_drop import DroppedKernels, check_has_kernel
from tfseq.options.rules import PositiveInt, Probability, checked

# A model that is loaded may hold any of them.
register_cells()


@keras.saving.register_keras_serializable(package="tfseq")
class RNN(keras.layers.RNN):
    """Runs a cell over the time axis: `keras.layers.RNN`, with the same arguments, only faster.

        O_t, S_t = cell(X_t, S_{t-1})     for t = 1 … T

    It takes any Keras cell: those of `tfseq.cells`, those of Keras, your own, or a list of
    cells, which are stacked. On TensorFlow, inside `fit` or a `tf.function`, the cell's step is
    traced once and taken apart: what depends on the inputs alone runs for all steps at once,
    before the loop; the gradient of each weight is formed for all steps at once, after the
    loop back through time. In training, with static shapes, XLA compiles the loops.

    A step that cannot be taken apart runs in the loop of `keras.layers.RNN`, and so does a layer
    called eagerly. Such a step draws random numbers, writes variables, adds losses, prints, reads
    tensors from outside, has a gradient of its own (silu has), rounds to fewer bits, keeps
    something of a call on the cell, or has layers that the first call builds.

    With `recompute_steps=n`, training keeps only the states of every n-th step and runs the steps
    between them again for the gradient. That costs one more forward pass, and T / n + n steps take
    up memory instead of T, the fewest for n ≈ √T (Chen et al., 2016,
    https://arxiv.org/abs/1604.06174). The numbers stay the same up to rounding: what is summed over
    all steps is summed by segments. Keras' own loop and other backends ignore the setting;
    `last_loop` says so.

    A cell that is linear in its state, as minGRU, minLSTM and the RG-LRU are, says so with a method
    `linear_steps` (see `tfseq.cells.LinearCell`). Its steps can be computed all at once, by an
    associative scan. With `parallel=None` that is done where it is likely to be faster: on a GPU,
    and on a CPU outside of compiled loops; there, a compiled loop takes less time.

    Beyond `keras.layers.RNN`, the time axis may be empty (the outputs are empty, the states are the
    initial ones), and wrong shapes are named in one sentence. Before a saved model is loaded,
    `import tfseq.layers` has to have registered the class.

    Args:
        cell: one step: `cell(inputs, states) -> (output, new_states)`, with `state_size`.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask,
            **kwargs: as `keras.layers.RNN` has them. With `go_backwards` the outputs are in the
            order in which they were made, the one for X_T first. `reset_state()` sets the states
            of a `stateful` layer to zero.
        recompute_steps: positive integer, the length n of a segment; None keeps all steps.
        weight_dropout: share in [0, 1) of the cell's `recurrent_kernel` that is zero in training;
            the rest is divided by 1 − share. Which are zero is drawn for each call, so all steps
            and rows of a batch have the same ones (Merity et al., 2017,
            https://arxiv.org/abs/1708.02182). A training step of tfseq that runs the halves of a
            batch side by side draws for each of them.
        recurrent_dropout: share in [0, 1) of the state that is zero where it multiplies the
            recurrent weights in training: other components in each row, the same at all steps and
            for all gates. For the cells of tfseq, and those whose `call` or `recur` takes
            `drop_state`. See `StateNoise`.
        zoneout: probability in [0, 1), or one for each state, that a component of a state stays as
            it was in a step of training; inference takes the expected value. For any cell.
        parallel: True to compute all steps at once, if the number of steps is known, False to
            compute one after the other, as zoneout always does, None for what is likely faster.

    Call arguments:
        sequences: X, `[batch, time, features]`.
        initial_state: S_0, a list of the states; by default the cell's `get_initial_state`.
        mask: boolean, `[batch, time]`; a step where it is False leaves the state as it was.
        training: handed to the cell.
        resets: boolean, `[batch, time]`: the states are zero before a step where it is True, as
            where another sequence begins, and no gradient goes further back. cuDNN has no such
            steps: on a GPU, XLA compiles the loop instead.
        sequences_mask: filled in by Keras: the mask that `sequences` carry, of an Embedding say.

    Attributes:
        last_loop: the loop of the last call or trace: "graph", "compiled", "cudnn…", "scan", or
            "keras: …" with the reason; None before, and on other backends but for a scan.

    Returns:
        `[batch, time, size]` with `return_sequences`, else `[batch, size]`; with
        `return_state` a tuple of that and the states. The last output of an empty sequence is
        zero.

    Raises:
        ValueError: if `cell` has no `call` or no `state_size`, `recompute_steps` breaks its rule,
            `parallel` is True and the cell has no `linear_steps`, or `sequences` or
            `initial_state` has a wrong rank, size or number of tensors.
        InputError: a ValueError, if the cell lacks what `weight_dropout`, `recurrent_dropout` or
            `zoneout` act on.

    Example:

    >>> import numpy as np
    >>> from tfseq.cells import LSTMCell
    >>> layer = RNN(LSTMCell(4), return_sequences=True, return_state=True)
    >>> outputs, h, c = layer(np.ones((2, 7, 3), "float32"))
    >>> tuple(outputs.shape), bool((outputs[:, -1] == h).numpy().all())
    ((2, 7, 4), True)
    """

    last_loop: str | None = None

    def __init__(
        self,
        cell,
        *arguments,
        recompute_steps: int | None = None,
        weight_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float | Sequence[float] = 0.0,
        parallel: bool | None = None,
        **kwargs,
    ):
        recompute_steps = checked("recompute_steps", recompute_steps, PositiveInt | None)
        weight_dropout = checked("weight_dropout", weight_dropout, Probability)
        recurrent_dropout = checked("recurrent_dropout", recurrent_dropout, Probability)
        rates = zoneout if isinstance(zoneout, list | tuple) else [zoneout]
        rates = [float(checked("zoneout", rate, Probability)) for rate in rates]
        super().__init__(cell, *arguments, **kwargs)
        if parallel and not has_linear_steps(self.cell):
            raise ValueError(
                "`parallel` must be False or None where the step is not linear in the state: the "
                "cell has no method `linear_steps`, or one of another step. "
                f"Received: parallel={parallel!r}, cell={type(self.cell).__name__}."
            )
        self.recompute_steps = recompute_steps
        self.parallel = None if parallel is None else bool(parallel)
        self.weight_dropout = float(weight_dropout)
        self.recurrent_dropout = float(recurrent_dropout)
        self.zoneout = rates if isinstance(zoneout, list | tuple) else rates[0]
        if self.weight_dropout or self.recurrent_dropout or any(rates):
            self.seed_generator = keras.random.SeedGenerator()

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "recompute_steps": self.recompute_steps,
            "parallel": self.parallel,
            "weight_dropout": self.weight_dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "zoneout": self.zoneout,
        }

    def build(self, sequences_shape, initial_state_shape=None) -> None:
        check_rank(sequences_shape)
        super().build(sequences_shape, initial_state_shape)
        if self.weight_dropout:
            check_has_kernel(self.cell, self.weight_dropout)
        check_takes_noise(self.cell, self.recurrent_dropout, self.zoneout)

    def call(
        self,
        sequences,
        initial_state=None,
        mask=None,
        training=None,
        sequences_mask=None,
        resets=None,
    ) -> Any:
        mask = sequences_mask if mask is None else mask
        check_rank(sequences.shape)
        if mask is not None:
            check_mask("mask", mask, sequences.shape)
        if resets is not None:
            check_mask("resets", resets, sequences.shape)
        if initial_state is not None:
            check_states(initial_state, self.cell, sequences.shape[0])
        num_steps = ops.shape(sequences)[1]
        # A tensor only in a TensorFlow graph; JAX has an object for a length not known, no int.
        perhaps_empty = ops.is_tensor(num_steps) or (isinstance(num_steps, int) and num_steps == 0)
        if perhaps_empty:
            arguments = sequences, initial_state, mask, training, num_steps, resets
            return self._call_perhaps_empty(*arguments)
        return self._call(sequences, initial_state, mask, training, resets)

    def _call(self, sequences, initial_state, mask, training, resets):
        """`keras.layers.RNN.call`, which hands no resets on to `inner_loop`."""
        vars(self)["_resets"] = None if resets is None else ops.cast(resets, "bool")
        try:
            return super().call(sequences, initial_state, mask, training)
        finally:
            del vars(self)["_resets"]

    def _call_perhaps_empty(self, sequences, initial_state, mask, training, num_steps, resets):
        """`call` where the time axis is empty, or of a length known only in the running graph.

        keras.layers.RNN needs a first step. If there is none, one is taken on zeros, and then
        its output is dropped and the states are those from before it.
        """
        if initial_state is None and self.stateful:
            initial_state = tree.map_structure(lambda v: ops.copy(v.value), self.states)
        elif initial_state is None:
            initial_state = self.get_initial_state(ops.shape(sequences)[0])
        elif not tree.is_nested(initial_state):
            initial_state = [initial_state]
        num_added = ops.maximum(1 - num_steps, 0)
        if mask is not None:
            mask = _append_steps(ops.cast(mask, "bool"), num_added)
        if resets is not None:
            resets = _append_steps(ops.cast(resets, "bool"), num_added)
        sequences = _append_steps(sequences, num_added)
        result = self._call(sequences, list(initial_state), mask, training, resets)

        def keep(after, before):
            return ops.where(num_steps > 0, after, ops.cast(before, after.dtype))

        if self.stateful:
            for state, before in zip(
                tree.flatten(self.states), tree.flatten(initial_state), strict=True
            ):
                state.assign(keep(state.value, before))
        output, *states = result if self.return_state else [result]
        if self.return_sequences:
            output = output[:, :num_steps]
        else:
            output = keep(output, ops.zeros_like(output))
        if not self.return_state:
            return output
        return output, *tree.map_structure(keep, states, list(initial_state))

    def step(self, inputs, states: list) -> tuple:
        """One step without a loop: `inputs` `[batch, features]`; the output and the new states."""
        output, states = self.noise(training=False).step(self.cell, inputs, states)
        return output, list(states) if tree.is_nested(states) else [states]

    @property
    def output_size(self) -> int:
        """Size of O_t, which is that of the first state where the cell does not say."""
        first = tree.flatten(self.cell.state_size)[0]
        return getattr(self.cell, "output_size", None) or first

    def reset_state(self) -> None:
        """Sets the states of a stateful layer to zero; those of stacked cells, too."""
        for state in tree.flatten(self.states or []):
            state.assign(ops.zeros_like(state.value))

    def inner_loop(self, sequences, initial_state, mask, training=False) -> tuple:
        dropped = None
        if self.weight_dropout and training:
            dropped = DroppedKernels(self.cell, self.weight_dropout, self.seed_generator)
        resets = vars(self).get("_resets")
        noise = self.noise(training, resets)
        if not noise.is_noisy and scans(self, sequences, training):
            return run_scan(self, sequences, initial_state, mask, resets)
        noise = noise if noise.acts else None
        if keras.backend.backend() == "tensorflow" and not self.unroll:
            # Imported here: the layer needs Keras alone where another backend runs it.
            from tfseq.layers.tensorflow.differentiation import refused_clearly
            from tfseq.layers.tensorflow.tensorflow_loop import run_on_tensorflow

            with refused_clearly():
                result = run_on_tensorflow(
                    self, sequences, initial_state, mask, training, dropped, noise
                )
                if result is None:
                    result = run_on_keras(
                        self, sequences, initial_state, mask, training, dropped, noise
                    )
            return result
        return run_on_keras(self, sequences, initial_state, mask, training, dropped, noise)

    def noise(self, training, resets=None) -> StateNoise:
        """What is done to the states in a call, in training or not."""
        return StateNoise(self.recurrent_dropout, self.zoneout, training, resets)


def _append_steps(tensor, num_steps):
    """`tensor` [batch, time, …] with `num_steps` steps of zeros (or False) at its end."""
    shape = ops.shape(tensor)
    zeros = ops.zeros((shape[0], num_steps, *shape[2:]), dtype=tensor.dtype)
    return ops.concatenate([tensor, zeros], axis=1)
