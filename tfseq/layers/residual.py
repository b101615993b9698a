"""A stack of residual blocks, as the papers of minGRU and Griffin have them."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfseq.layers.connections import Drop
from tfseq.layers.projection import project


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

    def kernels_of_inputs(self, kernels, features) -> list:
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


class Projection(keras.layers.Layer):
    """X W, without a bias."""

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.supports_masking = True

    def build(self, shape) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.size), name="kernel")
        self.built = True

    def call(self, inputs) -> Any:
        return project(inputs, ops.cast(self.kernel, self.compute_dtype))


class FeedForward(keras.layers.Layer):
    """A feed-forward block with a gate: (gelu(X W_g + b_g) ⊙ (X W_v + b_v)) W_o + b_o.

    gelu is the approximation by tanh.

    Args:
        hidden: columns of W_g and W_v.
        size: columns of W_o.

    Source: Shazeer, GLU Variants Improve Transformer, 2020, https://arxiv.org/abs/2002.05202.
    """

    def __init__(self, hidden: int, size: int, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.size = hidden, size
        self.supports_masking = True

    def build(self, shape) -> None:
        self.gate_kernel = self.add_weight(shape=(shape[-1], self.hidden), name="gate_kernel")
        self.value_kernel = self.add_weight(shape=(shape[-1], self.hidden), name="value_kernel")
        self.output_kernel = self.add_weight(shape=(self.hidden, self.size), name="output_kernel")
        for name, size in (("gate", self.hidden), ("value", self.hidden), ("output", self.size)):
            bias = self.add_weight(shape=(size,), initializer="zeros", name=f"{name}_bias")
            setattr(self, f"{name}_bias", bias)
        self.built = True

    def call(self, inputs) -> Any:
        gate = self._affine(inputs, self.gate_kernel, self.gate_bias)
        value = self._affine(inputs, self.value_kernel, self.value_bias)
        hidden = ops.gelu(gate, approximate=True) * value
        return self._affine(hidden, self.output_kernel, self.output_bias)

    def _affine(self, inputs, kernel, bias):
        product = project(inputs, ops.cast(kernel, self.compute_dtype))
        return product + ops.cast(bias, self.compute_dtype)
