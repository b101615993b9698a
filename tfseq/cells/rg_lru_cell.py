"""The real-gated linear recurrent unit."""

import keras
from keras import initializers, ops

from tfseq.cells.linear_cell import LinearCell

# c in the paper.
_C = 8.0
# The share of the state that is kept from step to step lies in this range at first, for R_t = 1.
_KEPT = (0.9, 0.999)


@keras.saving.register_keras_serializable(package="tfseq")
class RGLRUCell(LinearCell):
    """One step of the real-gated linear recurrent unit (De et al., 2024, Griffin).

        R_t = σ(X_t W_r + b_r)
        I_t = σ(X_t W_i + b_i)
        U_t = φ(X_t W_u + b_u)
        A_t = σ(Λ)^(c R_t)                                               c = 8
        H_t = A_t ⊙ H_{t-1} + √(1 − A_t²) ⊙ (I_t ⊙ U_t)

    Given the inputs, the step is linear in the state, and all steps of a sequence can be computed
    at once. The factor √(1 − A²) keeps the states as large as what they are made of, however
    slowly they forget.

    The paper's unit has as many features as units, and reads U_t itself, which a linear layer in
    front of it makes; that layer is part of this cell. Its gates then have block-diagonal
    matrices and read U_t; here they are full and read X_t, which is the same or more. The
    convolution over four steps that the paper puts in between is left out.

    A is exp(−c R s) with s = log(1 + exp(−Λ)), and 1 − A² is −expm1(−2 c R s): nothing is lost to
    rounding where A is near one, nor is there a slope without bound.

    Weights, blocks of columns in the order r, i, u: `kernel [features, 3 units]`,
    `bias [3 units]`; `recurrence [units]` is Λ. It begins such that σ(Λ)^c, what is kept where the
    gate is open, is spread evenly over 0.9 to 0.999.

    Source: https://arxiv.org/abs/2402.19427, section 2.4.

    Args:
        units, activation, use_bias: H has `units`, φ is `activation`, the identity by default; σ
            is the sigmoid.
        **kwargs: initializers, regularizers, constraints and the rest: see `LinearCell` and
            `RecurrentCell`, and for the call and its results too.

    Example:

    >>> import numpy as np
    >>> cell = RGLRUCell(4)
    >>> output, states = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> [tuple(w.shape) for w in cell.weights]
    [(5, 12), (12,), (4,)]
    """

    num_gates = 3

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.recurrence = self.add_weight(
            name="recurrence", shape=(self.units,), initializer=_initial_recurrence
        )

    def recurrent_weights(self) -> tuple:
        return (self.recurrence,)

    def coefficients(self, x, recurrence) -> tuple:
        x_r, x_i, x_u = ops.split(x, 3, axis=-1)
        log_a = -_C * ops.softplus(-recurrence) * ops.sigmoid(x_r)
        # Never zero, where a root has no slope: one too small to be seen beside another number.
        least = 1e-7 if self.compute_dtype == "float16" else 1e-37
        scale = ops.sqrt(least - ops.expm1(2 * log_a))
        return ops.exp(log_a), scale * ops.sigmoid(x_i) * self.activation(x_u)


def _initial_recurrence(shape, dtype=None):
    """Λ with σ(Λ)^c = u, for u drawn evenly: σ(Λ) = u^(1/c), so Λ = −log(u^(−1/c) − 1)."""
    u = initializers.RandomUniform(*_KEPT)(shape, dtype="float32")
    return ops.cast(-ops.log(ops.expm1(-ops.log(u) / _C)), dtype)
