"""The plain recurrent cell."""

import keras
from keras import ops

from tfseq.cells.recurrent_cell import RecurrentCell, unchanged


@keras.saving.register_keras_serializable(package="tfseq")
class SimpleRNNCell(RecurrentCell):
    """One step of the plain recurrent network (Elman, 1990).

        H_t = φ(X_t W_xh + H_{t-1} W_hh + b_h)

    with `W_xh = kernel [features, units]`, `W_hh = recurrent_kernel [units, units]` and
    `b_h = bias [units]`. It is `torch.nn.RNNCell` and `keras.layers.SimpleRNNCell`.

    Args:
        units, activation, use_bias: H has `units`, φ is `activation`.
        **kwargs: initializers, regularizers, constraints and the rest: see `RecurrentCell`, and for
            the call and its results too.

    Example:

    >>> import numpy as np
    >>> cell = SimpleRNNCell(4)
    >>> states = cell.get_initial_state(batch_size=2)
    >>> for x in np.ones((3, 2, 5), "float32"):
    ...     output, states = cell(x, states)
    >>> tuple(output.shape)
    (2, 4)
    """

    def recur(self, x, states, recurrent_kernel, drop_state=unchanged) -> list:
        (h,) = states
        h = self.activation(x + ops.matmul(drop_state(h), recurrent_kernel))
        return [h]
