"""What residual blocks have beside their cells: a feed-forward block, and projections."""

from typing import Any

import keras
from keras import ops

from tfseq.layers.projection import project


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
