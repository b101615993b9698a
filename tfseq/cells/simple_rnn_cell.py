"""The plain recurrent cell."""

import keras
from keras import ops

from tfseq.cells.recurrent_cell import RecurrentCell


@keras.saving.register_keras_serializable(package="tfseq")
class SimpleRNNCell(RecurrentCell):
    """One step of the plain recurrent network (Elman, 1990).

        H_t = φ(X_t W_xh + H_{t-1} W_hh + b_h)

    with `W_xh = kernel [features, units]`, `W_hh = recurrent_kernel [units, units]` and
    `b_h = bias [units]`. It is `torch.nn.RNNCell` and `keras.layers.SimpleRNNCell`.

    Args:
        units: positive integer, size of the hidden state H and of the output.
        activation: φ; the name of a Keras activation, a function, or None for the identity.
        use_bias: whether b_h is added.
        kernel_initializer: how W_xh begins.
        recurrent_initializer: how W_hh begins.
        bias_initializer: how b_h begins.
        **kwargs: `name`, `dtype` and `trainable`, as every Keras layer takes them.

    Call arguments:
        inputs: X_t, `[batch, features]`.
        states: `[H_{t-1}]`, or H_{t-1} itself; `[batch, units]`.
        training: not used; the step is the same in training.

    Returns:
        The output H_t and the new states, in the form they came in: `[H_t]`, or H_t.

    Example:

    >>> import numpy as np
    >>> cell = SimpleRNNCell(4)
    >>> states = cell.get_initial_state(batch_size=2)
    >>> for x in np.ones((3, 2, 5), "float32"):
    ...     output, states = cell(x, states)
    >>> tuple(output.shape)
    (2, 4)
    """

    def call(self, inputs, states, training=None):
        (h,) = self.previous_states(inputs, states)
        x = self.project(inputs)
        if self.use_bias:
            x = x + self.bias
        h = self.activation(x + ops.matmul(h, self.recurrent_kernel))
        return h, [h] if isinstance(states, list | tuple) else h
