"""The long short-term memory cell."""

import keras
from keras import activations, ops

from tfseq.cells.arguments import activation_function
from tfseq.cells.recurrent_cell import RecurrentCell


@keras.saving.register_keras_serializable(package="tfseq")
class LSTMCell(RecurrentCell):
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
        units: positive integer, size of the hidden state H, of the memory C and of the output.
        activation: φ; the name of a Keras activation, a function, or None for the identity.
        recurrent_activation: σ of the gates, given likewise.
        use_bias: whether the biases are added.
        kernel_initializer: how `kernel` begins.
        recurrent_initializer: how `recurrent_kernel` begins.
        bias_initializer: how `bias` begins.
        unit_forget_bias: whether b_f begins at one instead (Jozefowicz et al., 2015).
        **kwargs: `name`, `dtype` and `trainable`, as every Keras layer takes them.

    Call arguments:
        inputs: X_t, `[batch, features]`.
        states: `[H_{t-1}, C_{t-1}]`, each `[batch, units]`.
        training: not used; the step is the same in training.

    Returns:
        The output H_t and the new states `[H_t, C_t]`.

    Example:

    >>> import numpy as np
    >>> cell = LSTMCell(4)
    >>> output, (h, c) = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> bool((output == h).numpy().all()), tuple(c.shape)
    (True, (2, 4))
    """

    num_gates = 4
    num_states = 2

    def __init__(
        self,
        units: int,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias: bool = True,
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
        self.unit_forget_bias = bool(unit_forget_bias)

    def initial_bias(self, shape, dtype=None):
        if not self.unit_forget_bias:
            return super().initial_bias(shape, dtype)
        b_i = self.bias_initializer((self.units,), dtype=dtype)
        b_f = ops.ones((self.units,), dtype=dtype)
        b_co = self.bias_initializer((2 * self.units,), dtype=dtype)
        return ops.concatenate([b_i, b_f, b_co])

    def call(self, inputs, states, training=None):
        h, c = self.previous_states(inputs, states)
        σ, φ = self.recurrent_activation, self.activation

        x = self.project(inputs)
        if self.use_bias:
            x = x + self.bias
        a = x + ops.matmul(h, self.recurrent_kernel)
        i, f, candidate, o = ops.split(a, 4, axis=-1)

        c = σ(f) * c + σ(i) * φ(candidate)
        h = σ(o) * φ(c)
        return h, [h, c]

    def get_config(self):
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }
