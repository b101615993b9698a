"""The minimal long short-term memory."""

from typing import Any

import keras
from keras import ops

from tfseq.cells.linear_cell import LinearCell
from tfseq.cells.recurrent_cell import bias_of_open_forget_gate


@keras.saving.register_keras_serializable(package="tfseq")
class MinLSTMCell(LinearCell):
    """One step of minLSTM (Feng et al., 2024, https://arxiv.org/abs/2410.01201).

        F_t = σ(X_t W_f + b_f)
        I_t = σ(X_t W_i + b_i)
        H̃_t = φ(X_t W_h + b_h)
        H_t = F_t / (F_t + I_t) ⊙ H_{t-1} + I_t / (F_t + I_t) ⊙ H̃_t

    An LSTM whose gates do not see the state, add up to one, and which has no output gate: given
    the inputs, the step is linear in the state, and all steps of a sequence can be computed at
    once. With s(a) = log(1 + exp(−a)), the share that is kept is computed as
    F / (F + I) = σ(s(X W_i + b_i) − s(X W_f + b_f)), which is right where F and I both vanish.
    By default φ is the identity, as in the paper's plain form; see `MinGRUCell` about the other.

    Weights, blocks of columns in the order i, f, h: `kernel [features, 3 units]`,
    `bias [3 units]`.

    Args:
        units, activation, use_bias: H has `units`, φ is `activation`, the identity by default; σ
            is the sigmoid.
        unit_forget_bias: whether b_f begins at one, unlike the rest.
        **kwargs: initializers, regularizers, constraints and the rest: see `LinearCell` and
            `RecurrentCell`, and for the call and its results too.

    Example:

    >>> import numpy as np
    >>> cell = MinLSTMCell(4)
    >>> output, states = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> [tuple(w.shape) for w in cell.weights]
    [(5, 12), (12,)]
    """

    num_gates = 3

    def __init__(
        self,
        units: int,
        activation=None,
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        **kwargs,
    ):
        super().__init__(units, activation, use_bias, **kwargs)
        self.unit_forget_bias = bool(unit_forget_bias)

    def initial_bias(self, shape, dtype=None) -> Any:
        if not self.unit_forget_bias:
            return super().initial_bias(shape, dtype)
        return bias_of_open_forget_gate(self.bias_initializer, shape, self.units, dtype)

    def coefficients(self, x, *weights) -> tuple:
        x_i, x_f, x_h = ops.split(x, 3, axis=-1)
        # F / (F + I) = 1 / (1 + I / F), and −log σ(a) is softplus(−a).
        kept = ops.sigmoid(ops.softplus(-x_i) - ops.softplus(-x_f))
        candidate = self.activation(x_h)
        return kept, (1 - kept) * candidate

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}
