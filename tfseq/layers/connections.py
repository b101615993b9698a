"""How the layers of a stack are connected: what each of them reads, and what the stack puts out."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from tfseq.options.connections import output_width

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

    def kernels_of_inputs(self, kernels: Sequence[Any], features: int) -> list[tuple[Any, slice]]:
        """The weights that the inputs are multiplied by, each with the rows in question.

        `kernels` are those of the layers' cells, None where a cell has none.
        """
        return [(kernels[0], slice(0, features))]

    def enter(self, inputs) -> Any:
        return inputs

    def read(self, layer: int, flow, drop: Drop) -> Any:
        return drop(layer - 1, flow) if layer else flow

    def join(self, layer: int, flow, outputs, drop: Drop) -> Any:
        return outputs

    def leave(self, flow) -> Any:
        return flow


class SkipConnections(Connections):
    """Connections past the layers: from the inputs to each, and from each to the outputs.

        X^1 = X;  X^l = [drop(H^{l−1}), X];  outputs = [H^1, …, H^L]

    A kernel over vectors side by side is one kernel for each: h_t^l reads x_t and h_t^{l−1}, and an
    output layer has a matrix for every H^l.

    Args:
        sizes: as `Connections` has them.
        kind: "inputs", "outputs" or "both"; the other end is as in `Connections`.

    Source: Graves, Generating Sequences With Recurrent Neural Networks, 2013,
    https://arxiv.org/abs/1308.0850, equations 1 to 4.
    """

    plain = False

    def __init__(self, sizes: Sequence[int], kind: str):
        super().__init__(sizes)
        self.kind = kind
        self.from_inputs = kind in ("inputs", "both")

    @property
    def output_size(self) -> int:
        return output_width(self.sizes, self.kind)

    def read_sizes(self, features: int) -> list[int]:
        added = features if self.from_inputs else 0
        return [features, *(size + added for size in self.sizes[:-1])]

    def kernels_of_inputs(self, kernels, features):
        found = super().kernels_of_inputs(kernels, features)
        if self.from_inputs:
            rows = zip(kernels[1:], self.sizes[:-1], strict=True)
            found += [(kernel, slice(size, size + features)) for kernel, size in rows]
        return found

    def enter(self, inputs) -> Any:
        return [inputs]

    def read(self, layer: int, flow, drop: Drop) -> Any:
        if not layer:
            return flow[0]
        below = drop(layer - 1, flow[-1])
        return ops.concatenate([below, flow[0]], axis=-1) if self.from_inputs else below

    def join(self, layer: int, flow, outputs, drop: Drop) -> Any:
        return [*flow, outputs]

    def leave(self, flow) -> Any:
        return ops.concatenate(flow[1:], axis=-1) if self.kind != "inputs" else flow[-1]
