"""What the three cells share: arguments, weights, states and the checks of one step."""

import keras
from keras import activations, initializers, ops

from tfseq.cells.arguments import activation_function, refuse_arguments
from tfseq.options.rules import PositiveInt, checked


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrent network, without its equation.

    A subclass says how many blocks of `units` columns its kernels have (`num_gates`) and how
    many states it carries (`num_states`), and writes the equation in `call(inputs, states,
    training=None) -> (output, new_states)`.

    `build` makes the weights

    - `kernel`: `[features, num_gates * units]`, which multiplies the input;
    - `recurrent_kernel`: `[units, num_gates * units]`, which multiplies the state;
    - `bias`: of the shape `bias_shape`; None without `use_bias`.

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
            unknown; or for an argument of Keras' own cells that this one does not have.
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
        refuse_arguments(type(self), kwargs)
        units = checked("units", units, PositiveInt)
        activation = activation_function("activation", activation)
        super().__init__(**kwargs)
        self.units = units
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

        self.state_size = units if self.num_states == 1 else [units] * self.num_states
        self.output_size = units

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of `bias`."""
        return (self.num_gates * self.units,)

    def initial_bias(self, shape, dtype=None):
        """The values `bias` begins with."""
        return self.bias_initializer(shape, dtype=dtype)

    def build(self, input_shape):
        if len(input_shape) != 2 or input_shape[1] is None:
            raise ValueError(
                f"`inputs` of {type(self).__name__} must have the shape [batch, features], the "
                f"number of features being known. Received: shape={tuple(input_shape)}."
            )
        columns = self.num_gates * self.units
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[1], columns),
            initializer=self.kernel_initializer,
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

    def get_initial_state(self, batch_size=None) -> list:
        """A list of zeros, one tensor `[batch_size, size]` for each of `state_size`."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def project(self, inputs):
        """X_t W_x. Integers `[batch]` stand for one-hot rows: their products are rows of W_x."""
        if len(inputs.shape) == 1:
            return ops.take(self.kernel, inputs, axis=0)
        return ops.matmul(inputs, self.kernel)

    def previous_states(self, inputs, states) -> list:
        """The states of the step before, as a list, once they and `inputs` have been checked.

        Raises:
            ValueError: if `inputs` is not `[batch, features]`, with the number of features the
                cell was built for, or `states` are not `num_states` tensors `[batch, units]`
                of the same batch.
        """
        states = list(states) if isinstance(states, list | tuple) else [states]
        if len(states) != self.num_states:
            raise ValueError(
                f"`states` of {type(self).__name__} must hold {self.num_states} tensor(s). "
                f"Received: {len(states)}."
            )
        if not self._are_indices(inputs):
            self._check_shape("inputs", inputs, self.kernel.shape[0])
        for state in states:
            self._check_shape("states", state, self.units)
            if None not in (batch := (inputs.shape[0], state.shape[0])) and batch[0] != batch[1]:
                raise ValueError(
                    f"`states` of {type(self).__name__} must have as many rows as `inputs`, "
                    f"{batch[0]}. Received: shape={tuple(state.shape)}."
                )
        return states

    @staticmethod
    def _are_indices(inputs) -> bool:
        return len(getattr(inputs, "shape", ())) == 1 and "int" in str(inputs.dtype)

    def _check_shape(self, argument, tensor, columns):
        shape = getattr(tensor, "shape", None)
        if shape is None or len(shape) != 2 or shape[1] not in (columns, None):
            received = repr(tensor) if shape is None else f"shape={tuple(shape)}"
            raise ValueError(
                f"`{argument}` of {type(self).__name__} must have the shape [batch, {columns}]. "
                f"Received: {received}."
            )

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
