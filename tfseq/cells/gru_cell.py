"""The gated recurrent unit."""

import keras
from keras import activations, ops

from tfseq.cells.arguments import activation_function
from tfseq.cells.recurrent_cell import RecurrentCell


@keras.saving.register_keras_serializable(package="tfseq")
class GRUCell(RecurrentCell):
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
        units: positive integer, size of the hidden state H and of the output.
        activation: φ; the name of a Keras activation, a function, or None for the identity.
        recurrent_activation: σ of the gates, given likewise.
        use_bias: whether the biases are added.
        kernel_initializer: how `kernel` begins.
        recurrent_initializer: how `recurrent_kernel` begins.
        bias_initializer: how `bias` begins.
        reset_after: whether the reset gate acts after the recurrent product.
        **kwargs: `name`, `dtype` and `trainable`, as every Keras layer takes them.

    Call arguments:
        inputs: X_t, `[batch, features]`.
        states: `[H_{t-1}]`, or H_{t-1} itself; `[batch, units]`.
        training: not used; the step is the same in training.

    Returns:
        The output H_t and the new states, in the form they came in: `[H_t]`, or H_t.

    Example:

    >>> import numpy as np
    >>> cell = GRUCell(4, reset_after=False)
    >>> output, states = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> [tuple(w.shape) for w in cell.weights]
    [(5, 12), (4, 12), (12,)]
    """

    num_gates = 3

    def __init__(
        self,
        units: int,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        reset_after: bool = True,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            **kwargs,
        )
        self.recurrent_activation = activation_function(
            "recurrent_activation", recurrent_activation
        )
        self.reset_after = bool(reset_after)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        columns = self.num_gates * self.units
        return (2, columns) if self.reset_after else (columns,)

    def call(self, inputs, states, training=None):
        (h,) = self.previous_states(inputs, states)
        σ, φ = self.recurrent_activation, self.activation

        x = self.project(inputs)
        if self.use_bias:
            x = x + (self.bias[0] if self.reset_after else self.bias)
        x_z, x_r, x_h = ops.split(x, 3, axis=-1)

        if self.reset_after:
            a = ops.matmul(h, self.recurrent_kernel)
            if self.use_bias:
                a = a + self.bias[1]
            h_z, h_r, h_h = ops.split(a, 3, axis=-1)
            z = σ(x_z + h_z)
            r = σ(x_r + h_r)
            candidate = φ(x_h + r * h_h)
        else:
            w_zr = self.recurrent_kernel[:, : 2 * self.units]
            w_h = self.recurrent_kernel[:, 2 * self.units :]
            h_z, h_r = ops.split(ops.matmul(h, w_zr), 2, axis=-1)
            z = σ(x_z + h_z)
            r = σ(x_r + h_r)
            candidate = φ(x_h + ops.matmul(r * h, w_h))

        h = z * h + (1 - z) * candidate
        return h, [h] if isinstance(states, list | tuple) else h

    def get_config(self):
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }
