"""The minimal gated recurrent unit."""

import keras
from keras import ops

from tfseq.cells.linear_cell import LinearCell


@keras.saving.register_keras_serializable(package="tfseq")
class MinGRUCell(LinearCell):
    """One step of minGRU (Feng et al., 2024, https://arxiv.org/abs/2410.01201).

        Z_t = σ(X_t W_z + b_z)
        H̃_t = φ(X_t W_h + b_h)
        H_t = (1 − Z_t) ⊙ H_{t-1} + Z_t ⊙ H̃_t

    A GRU whose gate does not see the state: given the inputs, the step is linear in the state,
    and all steps of a sequence can be computed at once. By default φ is the identity, as in the
    paper's plain form. Its second form takes logarithms of everything, and so needs states above
    zero, φ(a) = a + 0.5 for a ≥ 0 and σ(a) below; here nothing needs logarithms, and that φ is an
    `activation` like any other.

    As in the paper, Z_t is the share of the new: the opposite of `tfseq.cells.GRUCell`.

    Weights, blocks of columns in the order z, h: `kernel [features, 2 units]`, `bias [2 units]`.

    Args:
        units, activation, use_bias: H has `units`, φ is `activation`, the identity by default; σ
            is the sigmoid.
        **kwargs: initializers, regularizers, constraints and the rest: see `LinearCell` and
            `RecurrentCell`, and for the call and its results too.

    Example:

    >>> import numpy as np
    >>> cell = MinGRUCell(4)
    >>> output, states = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> [tuple(w.shape) for w in cell.weights]
    [(5, 8), (8,)]
    """

    num_gates = 2

    def coefficients(self, x, *weights) -> tuple:
        x_z, x_h = ops.split(x, 2, axis=-1)
        z = ops.sigmoid(x_z)
        candidate = self.activation(x_h)
        return 1 - z, z * candidate
