"""Layers that read one another's outputs in turn, and the way through them that all stacks go."""

from collections.abc import Callable, Sequence
from typing import Any

# `drop(n, tensor)`: dropout number n of the stack.
Drop = Callable[[int, Any], Any]


def keep(n: int, tensor) -> Any:
    """A `Drop` that drops nothing."""
    return tensor


class Connections:
    """Each layer reads the outputs of the one below, with dropout between them.

        X^1 = X;  X^l = drop(H^{l−1});  outputs = H^L

    A stack goes through it in this order: `enter`; for each layer `read`, then `join` with what
    the layer made of it; `leave`. Whatever lies between is the `flow`. All of it acts on the last
    axis alone, so that a step and a whole sequence go the same way.

    Args:
        sizes: how wide the outputs of each layer are, of all its directions.
    """

    #: Whether a layer reads nothing but what the one below puts out.
    plain = True
    #: Whether masked steps have outputs other than the zeros of the last layer.
    fills_masked_steps = False

    def __init__(self, sizes: Sequence[int]):
        self.sizes = tuple(sizes)

    @property
    def num_dropouts(self) -> int:
        """How many dropouts there are."""
        return len(self.sizes) - 1

    @property
    def output_size(self) -> int:
        """How wide the outputs of the stack are."""
        return self.sizes[-1]

    def build(self, features: int) -> None:
        """Creates the weights, where there are any."""

    def read_sizes(self, features: int) -> list[int]:
        """How wide what each layer reads is, where the inputs have `features`."""
        return [features, *self.sizes[:-1]]

    def kernels_of_inputs(self, cells: Sequence[Any], features: int) -> list[tuple[Any, slice]]:
        """The weights that the inputs are multiplied by, each with the rows in question.

        `cells` are those of the layers, of which some may have no `kernel`.
        """
        found = zip(cells, self.read_sizes(features), self.rows_of_inputs(features), strict=True)
        return [
            (cell.kernel, rows)
            for cell, size, rows in found
            if rows and tuple(getattr(getattr(cell, "kernel", None), "shape", ()))[:1] == (size,)
        ]

    def rows_of_inputs(self, features: int) -> list[slice | None]:
        """Which rows of each layer's kernel are multiplied by the inputs."""
        return [slice(0, features)] + [None] * (len(self.sizes) - 1)

    def enter(self, inputs) -> Any:
        return inputs

    def read(self, layer: int, flow, drop: Drop) -> Any:
        return drop(layer - 1, flow) if layer else flow

    def join(self, layer: int, flow, outputs, drop: Drop) -> Any:
        return outputs

    def leave(self, flow) -> Any:
        return flow
