"""What the three cells share: their arguments, their weights and the checks of one step."""

from collections.abc import Sequence

import keras
from keras import activations, initializers, ops


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrent network, without its equation.

    A subclass says how many blocks of `units` columns its kernels have (`num_gates`) and how
    many states it carries (`num_states`), and writes the equation in `call`.

    Weights, made by `build`:

    - `kernel`: `[features, num_gates * units]`, multiplies the input;
    - `recurrent_kernel`: `[units, num_gates * units]`, multiplies the state;
    - `bias`: of the shape `bias_shape`, or None without `use_bias`.

    Args:
        units: positive integer, size of each state and of the output.
        activation: name of a Keras activation, a function, or None for the identity.
        use_bias: whether a bias is added.
        kernel_initializer: how `kernel` begins.
        recurrent_initializer: how `recurrent_kernel` begins.
        bias_initializer: how `bias` begins.
        **kwargs: `name`, `dtype` and `trainable`, as every Keras layer takes them.

    Raises:
        ValueError: if `units` is not a positive integer, or an activation or initializer is
            unknown.
    """

    num_gates = 1
    num_states = 1

    def __init__(
        self,
        units: int,
        activation="tanh",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        **kwargs,
    ):
        if isinstance(units, bool) or not hasattr(units, "__index__") or units <= 0:
            raise ValueError(f"`units` must be a positive integer. Received: units={units!r}.")
        super().__init__(**kwargs)
        self.units = int(units)
        self.activation = resolve_activation("activation", activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    @property
    def state_size(self) -> int | list[int]:
        """Size of the state: an integer, or one integer per state if there are several."""
        return self.units if self.num_states == 1 else [self.units] * self.num_states

    @property
    def output_size(self) -> int:
        """Size of the output of one step."""
        return self.units

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of `bias`."""
        return (self.num_gates * self.units,)

    def build(self, input_shape):
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                "`inputs` of a cell must have the shape [batch, features], with a known number "
                f"of features. Received: shape={tuple(input_shape)}."
            )
        columns = self.num_gates * self.units
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], columns), initializer=self.kernel_initializer
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, columns),
            initializer=self.recurrent_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=self.bias_shape, initializer=self.initial_bias
            )

    def initial_bias(self, shape, dtype=None):
        """The first value of `bias`."""
        return self.bias_initializer(shape, dtype=dtype)

    def get_initial_state(self, batch_size=None):
        """Zeros, one tensor `[batch_size, units]` per state, in a list."""
        return [
            ops.zeros((batch_size, self.units), dtype=self.compute_dtype)
            for _ in range(self.num_states)
        ]

    def previous(self, inputs, states) -> Sequence:
        """Checks the arguments of one step and returns the states as a list.

        Raises:
            ValueError: if `inputs` is not `[batch, features]` with the features the cell was
                built for, or `states` are not `num_states` tensors `[batch, units]`.
        """
        features = self.kernel.shape[0]
        if len(inputs.shape) != 2 or inputs.shape[1] not in (features, None):
            raise ValueError(
                f"`inputs` of a cell must have the shape [batch, {features}]. "
                f"Received: shape={tuple(inputs.shape)}."
            )
        states = list(states) if isinstance(states, list | tuple) else [states]
        if len(states) != self.num_states:
            raise ValueError(
                f"`states` of a {type(self).__name__} must be {self.num_states} tensor(s). "
                f"Received: {len(states)}."
            )
        for state in states:
            if len(state.shape) != 2 or state.shape[1] not in (self.units, None):
                raise ValueError(
                    f"Each of `states` must have the shape [batch, {self.units}]. "
                    f"Received: shape={tuple(state.shape)}."
                )
        return states

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }


def resolve_activation(argument: str, activation):
    """The function that `activation` stands for; `argument` names it in the error."""
    try:
        return activations.get(activation)
    except ValueError:
        raise ValueError(
            f"`{argument}` must be the name of a Keras activation (such as 'tanh', 'sigmoid', "
            f"'relu'), a function, or None for the identity. Received: {argument}={activation!r}."
        ) from None
