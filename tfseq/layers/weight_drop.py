"""Recurrent weights of which some are dropped, the same ones at all steps."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from tfseq.errors import InputError
from tfseq.layers.dropout import dropping


class DroppedKernels:
    """The `recurrent_kernel` of a cell as one call of a layer reads it: M ⊙ W / (1 − rate).

    M is drawn once, when this is made, so that every step reads the same matrix, and what runs a
    loop with W runs it with this as fast (DropConnect on the recurrent weights, Merity et al.,
    2017, https://arxiv.org/abs/1708.02182).

    Args:
        cell: a built cell; of stacked cells, each has a mask of its own.
        rate: share in (0, 1).
        seed_generator: what M is drawn from.
    """

    def __init__(self, cell, rate: float, seed_generator: keras.random.SeedGenerator):
        self._kernels = [
            (owner, owner.recurrent_kernel, dropping(rate, seed_generator))
            for owner in _owners(cell)
        ]

    def value_of(self, variable) -> Any:
        """The tensor that stands for a variable of the cell; dropped, if it is such a kernel."""
        for _, kernel, drop in self._kernels:
            if kernel is variable:
                return drop(ops.convert_to_tensor(variable))
        return ops.convert_to_tensor(variable)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """While it is open, the attribute `recurrent_kernel` of the cell is the dropped matrix."""
        try:
            for owner, kernel, _ in self._kernels:
                value = ops.cast(self.value_of(kernel), owner.compute_dtype)
                # Past Keras, which would track what is set.
                vars(owner)["recurrent_kernel"] = value
            yield
        finally:
            for owner, kernel, _ in self._kernels:
                vars(owner)["recurrent_kernel"] = kernel


def check_has_kernel(cell, weight_dropout: float) -> None:
    """Raise InputError unless a built cell has the weight that `weight_dropout` drops.

    >>> check_has_kernel(keras.layers.Dense(3), 0.5)
    Traceback (most recent call last):
    tfseq.errors.InputError: `weight_dropout` drops a part of the weight `recurrent_kernel` of a
    cell, and Dense has no such weight. Received: weight_dropout=0.5.
    """
    for owner in _owners(cell):
        if not isinstance(vars(owner).get("recurrent_kernel"), keras.Variable):
            raise InputError(
                "`weight_dropout` drops a part of the weight `recurrent_kernel` of a cell, and "
                f"{type(owner).__name__} has no such weight. "
                f"Received: weight_dropout={weight_dropout}."
            )


def _owners(cell):
    if isinstance(cell, keras.layers.StackedRNNCells):
        return [owner for part in cell.cells for owner in _owners(part)]
    return [cell]
