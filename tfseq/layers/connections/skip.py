"""Connections past the layers of a stack."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfseq.layers.connections.plain import Connections, Drop
from tfseq.options.model.connections import output_width


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

    def rows_of_inputs(self, features: int) -> list[slice | None]:
        if not self.from_inputs:
            return super().rows_of_inputs(features)
        return [slice(start, start + features) for start in (0, *self.sizes[:-1])]

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
