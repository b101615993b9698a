"""The long short-term memory cell."""

from typing import Any

import keras
from keras import ops

from tfseq.cells.recurrent_cell import GatedCell, bias_of_open_forget_gate, unchanged


@keras.saving.register_keras_serializable(package="tfseq")
class LSTMCell(GatedCell):
    """One step of the long short-term memory (Hochreiter and Schmidhuber, 1997).

        I_t = σ(X_t W_xi + H_{t-1} W_hi + b_i)
        F_t = σ(X_t W_xf + H_{t-1} W_hf + b_f)
        C̃_t = φ(X_t W_xc + H_{t-1} W_hc + b_c)
        O_t = σ(X_t W_xo + H_{t-1} W_ho + b_o)
        C_t = F_t ⊙ C_{t-1} + I_t ⊙ C̃_t
        H_t = O_t ⊙ φ(C_t)

    with the forget gate of Gers et al. (2000). Weights, blocks of columns in the order
    i, f, c, o: `kernel [features, 4 units]`, `recurrent_kernel [units, 4 units]`,
    `bias [4 units]`. It is `torch.nn.LSTMCell` and `keras.layers.LSTMCell`.

    Args:
        units, activation, recurrent_activation, use_bias: H and the memory C have `units` each, φ
            is `activation` and σ `recurrent_activation`. The states are `[H, C]`.
        unit_forget_bias: whether b_f begins at one, unlike the rest (Jozefowicz et al., 2015).
        **kwargs: initializers, regularizers, constraints and the rest: see `RecurrentCell`, and for
            the call and its results too.

    Example:

    >>> import numpy as np
    >>> cell = LSTMCell(4)
    >>> output, (h, c) = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> bool((output == h).numpy().all()), tuple(c.shape)
    (True, (2, 4))
    """

    num_gates = 4
    num_states = 2

    def __init__(self, units: int, *arguments, unit_forget_bias: bool = True, **kwargs):
        super().__init__(units, *arguments, **kwargs)
        self.unit_forget_bias = bool(unit_forget_bias)

    def initial_bias(self, shape, dtype=None) -> Any:
        if not self.unit_forget_bias:
            return super().initial_bias(shape, dtype)
        return bias_of_open_forget_gate(self.bias_initializer, shape, self.units, dtype)

    def recur(self, x, states, recurrent_kernel, drop_state=unchanged) -> list:
        h, c = states
        σ, φ = self.recurrent_activation, self.activation
        a = x + ops.matmul(drop_state(h), recurrent_kernel)
        i, f, candidate, o = ops.split(a, 4, axis=-1)
        c = σ(f) * c + σ(i) * φ(candidate)
        h = σ(o) * φ(c)
        return [h, c]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}
