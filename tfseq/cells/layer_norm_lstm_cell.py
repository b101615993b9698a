"""The layer-normalised long short-term memory."""

from typing import Any

import keras
from keras import ops

from tfseq.cells.lstm_cell import LSTMCell
from tfseq.cells.recurrent_cell import unchanged
from tfseq.options.rules import PositiveFloat, checked


@keras.saving.register_keras_serializable(package="tfseq")
class LayerNormLSTMCell(LSTMCell):
    """One step of the layer-normalised LSTM (Ba et al., 2016, https://arxiv.org/abs/1607.06450).

        [I_t, F_t, C̃_t, O_t] = [σ, σ, φ, σ](γ_x ⊙ N(X_t W_x) + γ_h ⊙ N(H_{t-1} W_h) + b)
        C_t = F_t ⊙ C_{t-1} + I_t ⊙ C̃_t
        H_t = O_t ⊙ φ(γ_c ⊙ N(C_t) + β_c)
        N(a) = (a − mean a) / √(var a + ε)

    as in the paper's supplement: the two products are normalised apart, each over all four blocks
    together, and the memory where it is read; what is carried on is C_t itself. The paper's
    shifts of the two products are one with the bias b. TensorFlow 1's `LayerNormBasicLSTMCell`
    was another network: it normalised the sum of the products, each block alone.

    Weights, blocks of columns in the order i, f, c, o: `kernel [features, 4 units]`,
    `recurrent_kernel [units, 4 units]`, `bias [4 units]`, `kernel_scale [4 units]` γ_x,
    `recurrent_scale [4 units]` γ_h, `memory_scale [units]` γ_c, `memory_shift [units]` β_c (not
    without `use_bias`). The scales begin at one.

    Args:
        units, activation, recurrent_activation, use_bias, unit_forget_bias: as for `LSTMCell`.
        epsilon: ε, which keeps a variance of zero from being divided by; above 0.
        **kwargs: initializers, regularizers, constraints and the rest: see `RecurrentCell`, and for
            the call and its results too.

    Example:

    >>> import numpy as np
    >>> cell = LayerNormLSTMCell(4)
    >>> output, (h, c) = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> tuple(output.shape), len(cell.weights)
    ((2, 4), 7)
    """

    def __init__(self, units: int, *arguments, epsilon: float = 1e-5, **kwargs):
        epsilon = checked("epsilon", epsilon, PositiveFloat)
        super().__init__(units, *arguments, **kwargs)
        self.epsilon = float(epsilon)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        columns = (self.num_gates * self.units,)
        self.kernel_scale = self.add_weight(columns, "ones", name="kernel_scale")
        self.recurrent_scale = self.add_weight(columns, "ones", name="recurrent_scale")
        self.memory_scale = self.add_weight((self.units,), "ones", name="memory_scale")
        self.memory_shift = None
        if self.use_bias:
            self.memory_shift = self.add_weight((self.units,), "zeros", name="memory_shift")

    def input_weights(self) -> tuple:
        return self.kernel, self.bias, self.kernel_scale

    def recurrent_weights(self) -> tuple:
        return self.recurrent_kernel, self.recurrent_scale, self.memory_scale, self.memory_shift

    def project(self, inputs, kernel, bias, scale) -> Any:
        x = scale * self._normalised(super().project(inputs, kernel, None))
        return x if bias is None else x + bias

    def recur(
        self,
        x,
        states,
        recurrent_kernel,
        scale,
        memory_scale,
        memory_shift,
        drop_state=unchanged,
    ) -> list:
        h, c = states
        σ, φ = self.recurrent_activation, self.activation
        a = x + scale * self._normalised(ops.matmul(drop_state(h), recurrent_kernel))
        i, f, candidate, o = ops.split(a, 4, axis=-1)
        c = σ(f) * c + σ(i) * φ(candidate)
        read = memory_scale * self._normalised(c)
        h = σ(o) * φ(read if memory_shift is None else read + memory_shift)
        return [h, c]

    def _normalised(self, a):
        a = a - ops.mean(a, axis=-1, keepdims=True)
        # The mean of squares: never below zero, as the difference of two means may be.
        return a * ops.rsqrt(ops.mean(ops.square(a), axis=-1, keepdims=True) + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
