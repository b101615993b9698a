"""The gated recurrent unit."""

from typing import Any

import keras
from keras import ops

from tfseq.cells.recurrent_cell import GatedCell, unchanged


@keras.saving.register_keras_serializable(package="tfseq")
class GRUCell(GatedCell):
    """One step of the gated recurrent unit (Cho et al., 2014), in either of its two forms.

        Z_t = σ(X_t W_xz + H_{t-1} W_hz + b_z)
        R_t = σ(X_t W_xr + H_{t-1} W_hr + b_r)
        H̃_t = φ(X_t W_xh + (R_t ⊙ H_{t-1}) W_hh + b_h)                 reset_after=False
        H̃_t = φ(X_t W_xh + b_h + R_t ⊙ (H_{t-1} W_hh + b'_h))          reset_after=True
        H_t = Z_t ⊙ H_{t-1} + (1 − Z_t) ⊙ H̃_t

    The first form is the textbook's. The second is that of cuDNN, `torch.nn.GRUCell` and
    Keras' default; it has a second bias b' for the recurrent products of all three blocks.

    Weights, blocks of columns in the order z, r, h: `kernel [features, 3 units]`,
    `recurrent_kernel [units, 3 units]`, `bias [3 units]`, or `[2, 3 units]` (b, then b') with
    `reset_after`.

    Args:
        units, activation, recurrent_activation, use_bias: H has `units`, φ is `activation` and σ
            `recurrent_activation`.
        reset_after: whether the reset gate acts after the recurrent product.
        **kwargs: initializers, regularizers, constraints and the rest: see `RecurrentCell`, and for
            the call and its results too.

    Example:

    >>> import numpy as np
    >>> cell = GRUCell(4, reset_after=False)
    >>> output, states = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> [tuple(w.shape) for w in cell.weights]
    [(5, 12), (4, 12), (12,)]
    """

    num_gates = 3

    def __init__(self, units: int, *arguments, reset_after: bool = True, **kwargs):
        super().__init__(units, *arguments, **kwargs)
        self.reset_after = bool(reset_after)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        columns = self.num_gates * self.units
        return (2, columns) if self.reset_after else (columns,)

    def input_weights(self) -> tuple:
        bias = self.bias[0] if self.use_bias and self.reset_after else self.bias
        return self.kernel, bias

    def recurrent_weights(self) -> tuple:
        w = self.recurrent_kernel
        if self.reset_after:
            return w, self.bias[1] if self.use_bias else None
        return w[:, : 2 * self.units], w[:, 2 * self.units :]

    def recur(self, x, states, *weights, drop_state=unchanged) -> list:
        (h,) = states
        σ, φ = self.recurrent_activation, self.activation
        x_z, x_r, x_h = ops.split(x, 3, axis=-1)

        if self.reset_after:
            w, b = weights
            a = ops.matmul(drop_state(h), w)
            if b is not None:
                a = a + b
            h_z, h_r, h_h = ops.split(a, 3, axis=-1)
            z = σ(x_z + h_z)
            r = σ(x_r + h_r)
            candidate = φ(x_h + r * h_h)
        else:
            w_zr, w_h = weights
            h_z, h_r = ops.split(ops.matmul(drop_state(h), w_zr), 2, axis=-1)
            z = σ(x_z + h_z)
            r = σ(x_r + h_r)
            candidate = φ(x_h + ops.matmul(drop_state(r * h), w_h))

        h = z * h + (1 - z) * candidate
        return [h]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "reset_after": self.reset_after}
