"""How `tfseq.RNN` runs in the loop of Keras, on any backend."""

import contextlib
import inspect
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfseq.errors import InputError
from tfseq.layers.state_noise import StateNoise


def run_on_keras(layer, sequences, initial_state, mask, training, dropped, noise) -> tuple:
    """What `keras.layers.RNN.inner_loop` returns.

    Args:
        layer: the `tfseq.RNN`.
        sequences, initial_state, mask, training: as `inner_loop` has them.
        dropped: the `DroppedKernels` of this call, or None.
        noise: the `StateNoise` of this call, or None.
    """
    cell = layer.cell
    if noise is not None:
        shape = ops.shape(sequences)[:2]
        drawn = noise.draw(*shape, initial_state, getattr(layer, "seed_generator", None))
        sequences, cell = _inputs_and_drawn(sequences, drawn), _NoisyCell(cell, noise, drawn)
    with contextlib.nullcontext() if dropped is None else dropped.in_place():
        return _run(layer, cell, sequences, initial_state, mask, training)


def _run(layer, cell, sequences, initial_state, mask, training):
    turned = layer.unroll and layer.go_backwards and mask is not None
    if cell is layer.cell and not turned:
        return keras.layers.RNN.inner_loop(layer, sequences, initial_state, mask, training)
    # If `turned`, Keras 3.15 zeroes the outputs of the wrong steps: by a mask that it has not
    # reversed. Read forward, the reversed sequence gives what was asked for.
    another = keras.layers.RNN(
        cell,
        return_sequences=layer.return_sequences,
        go_backwards=layer.go_backwards and not turned,
        stateful=layer.stateful,
        unroll=layer.unroll,
        zero_output_for_mask=layer.zero_output_for_mask,
    )
    if turned:
        sequences, mask = ops.flip(sequences, axis=1), ops.flip(mask, axis=1)
    return another.inner_loop(sequences, initial_state, mask, training)


class _NoisyCell(keras.layers.Layer):
    """A cell with its noise, for a loop that knows of cells alone.

    Args:
        cell: the cell.
        noise: the `StateNoise` of a call.
        drawn: what it has drawn, which `_inputs_and_drawn` joins to the inputs.
    """

    def __init__(self, cell, noise: StateNoise, drawn: Sequence):
        super().__init__(autocast=False, dtype=cell.dtype_policy)
        # Past Keras, which would track it.
        vars(self)["parts"] = (cell, noise)
        self.sizes = [kept.shape[-1] for kept in drawn]
        self.state_size = cell.state_size
        self.output_size = getattr(cell, "output_size", None)
        self.takes_training = "training" in inspect.signature(cell.call).parameters
        self.built = True

    def call(self, inputs, states, training=None) -> Any:
        cell, noise = self.parts
        features = inputs.shape[-1] - sum(self.sizes)
        drawn, start = [], features
        for size in self.sizes:
            drawn.append(inputs[:, start : start + size] > 0)
            start += size
        keywords = {"training": training} if self.takes_training else {}
        return noise.step(cell, inputs[:, :features], states, drawn, **keywords)


def _inputs_and_drawn(sequences, drawn: Sequence) -> Any:
    """The inputs of a `_NoisyCell`, `[batch, time, features + …]`."""
    if not drawn:
        return sequences
    if any(len(t.shape) != 3 for t in (sequences, *drawn)):
        raise InputError(
            "`resets`, `recurrent_dropout` and `zoneout`, where the loop of Keras runs, need "
            "inputs [batch, time, features] and states [batch, size]. Received: inputs "
            f"{tuple(sequences.shape)}, states {[(t.shape[0], *t.shape[2:]) for t in drawn]}."
        )
    kept = [ops.cast(t, sequences.dtype) for t in drawn]
    return ops.concatenate([sequences, *kept], axis=-1)
