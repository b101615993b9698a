"""A stack of residual blocks, as the papers of minGRU and Griffin have them."""

from collections.abc import Sequence
from typing import Any

import keras

from tfseq.layers.connections.feed_forward import FeedForward, Projection
from tfseq.layers.connections.plain import Drop


class ResidualConnections(keras.layers.Layer):
    """Each layer adds to what it reads; a feed-forward block may follow, and adds, too.

        X^0 = X W_in                                       [D]
        U^l = X^{l−1} + drop(H^l W_out),  H^l = layer l of norm(X^{l−1})
        X^l = U^l + drop(mlp(norm(U^l)))                   without a feed-forward block X^l = U^l
        outputs = norm(X^L)

    norm is RMSNorm (Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467), with a scale of
    its own at each place, and D the width of the last layer's outputs. There is no W_in where the
    inputs are that wide, and no W_out where the outputs of a layer are. The methods are those of
    `Connections`.

    Args:
        sizes: how wide the outputs of each layer are, of all its directions.
        feed_forward: how many times wider than D the hidden layer of `FeedForward` is; 0: none.

    Source: De et al., Griffin, 2024, https://arxiv.org/abs/2402.19427, section 2; Feng et al., Were
    RNNs All We Needed?, 2024, https://arxiv.org/abs/2410.01201, appendix C.
    """

    plain = False
    fills_masked_steps = True

    def __init__(self, sizes: Sequence[int], feed_forward: float = 0.0, **kwargs):
        super().__init__(name="connections", **kwargs)
        self.sizes = tuple(sizes)
        self.output_size = width = self.sizes[-1]
        policy = self.dtype_policy
        self.input_projection = Projection(width, dtype=policy, name="input_projection")
        self.norms = [self._norm() for _ in sizes]
        self.output_projections = {
            str(layer): Projection(width, dtype=policy, name=f"output_projection_{layer}")
            for layer, size in enumerate(sizes)
            if size != width
        }
        self.feed_forwards, self.feed_forward_norms = [], []
        if feed_forward:
            hidden = max(1, round(feed_forward * width))
            self.feed_forwards = [FeedForward(hidden, width, dtype=policy) for _ in sizes]
            self.feed_forward_norms = [self._norm() for _ in sizes]
        self.last_norm = self._norm()

    def _norm(self):
        norm = keras.layers.RMSNormalization(dtype=self.dtype_policy)
        norm.supports_masking = True  # Each step by itself.
        return norm

    @property
    def num_dropouts(self) -> int:
        return len(self.norms) + len(self.feed_forwards)

    def build(self, features) -> None:
        width = self.output_size
        if features != width:
            self.input_projection.build((None, features))
        for layer, projection in self.output_projections.items():
            projection.build((None, self.sizes[int(layer)]))
        for layer in (*self.norms, *self.feed_forwards, *self.feed_forward_norms, self.last_norm):
            layer.build((None, width))
        self.built = True

    def read_sizes(self, features: int) -> list[int]:
        return [self.output_size] * len(self.sizes)

    def kernels_of_inputs(self, cells, features) -> list[tuple[Any, slice]]:
        projection = self.input_projection
        return [(projection.kernel, slice(0, features))] if projection.built else []

    def enter(self, inputs) -> Any:
        return self.input_projection(inputs) if self.input_projection.built else inputs

    def read(self, layer: int, flow, drop: Drop) -> Any:
        return self.norms[layer](flow)

    def join(self, layer: int, flow, outputs, drop: Drop) -> Any:
        if projection := self.output_projections.get(str(layer)):
            outputs = projection(outputs)
        flow = flow + drop(layer, outputs)
        if not self.feed_forwards:
            return flow
        more = self.feed_forwards[layer](self.feed_forward_norms[layer](flow))
        return flow + drop(len(self.norms) + layer, more)

    def leave(self, flow) -> Any:
        return self.last_norm(flow)
