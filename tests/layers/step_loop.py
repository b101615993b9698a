"""Sequences to run layers on, and a layer written as a loop over its cell."""

import numpy as np

UNITS = 4


def sequences(batch=3, steps=5, features=2, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, features)).astype("float32")


def loop(cell, x, states, mask=None, go_backwards=False, zero_output_for_mask=False):
    """The layer, one step and one call of the cell at a time."""
    order = range(x.shape[1])[:: -1 if go_backwards else 1]
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    before, outputs = np.zeros((len(x), UNITS), "float32"), []
    for t in order:
        output, new_states = cell(x[:, t], states)
        real = mask[:, t, None]
        states = [np.where(real, new, old) for new, old in zip(new_states, states, strict=True)]
        output = np.where(real, output, 0 if zero_output_for_mask else before)
        before = output
        outputs.append(output)
    return np.stack(outputs, axis=1), states
