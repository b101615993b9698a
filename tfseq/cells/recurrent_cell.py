"""What the cells share: arguments, weights, states and the checks of one step."""

from typing import Any

import keras
from keras import activations, constraints, initializers, ops, regularizers

from tfseq.cells.arguments import (
    activation_function,
    check_shape,
    refuse_arguments,
)
from tfseq.options.rules import PositiveInt, checked

# What each weight has one of, and the module of Keras for it.
_MODULES = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrent network, without its equation.

    A subclass says how many blocks of `units` columns its kernels have (`num_gates`) and how
    many states it carries (`num_states`), and writes the equation in `recur`; `call`, which every
    cell of Keras has, is `recur` of `project`.

    `build` makes the weights

    - `kernel`: `[features, num_gates * units]`, which multiplies the input;
    - `recurrent_kernel`: `[units, num_gates * units]`, which multiplies the state; not where a
      subclass sets `has_recurrent_kernel = False`;
    - `bias`: of the shape `bias_shape`; None without `use_bias`.

    Args:
        units: positive integer, size of each state and of the output.
        activation: φ; the name of a Keras activation, a function, or None for the identity.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: how each weight begins.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: a penalty on each weight, which
            Keras adds to the loss once, not once a step.
        kernel_constraint, recurrent_constraint, bias_constraint: what the optimizer applies to
            each weight after an update.
        **kwargs: `name`, `dtype` and `trainable`, as every Keras layer takes them.

    Call arguments:
        inputs: X_t, `[batch, features]`, or integers `[batch]` that stand for one-hot rows.
        states: `num_states` tensors `[batch, units]`; a single one may be given without a list.
        training: not used; the step is the same in training.
        drop_state: a function of a tensor `[batch, units]`: what becomes of H_{t-1} before it
            multiplies the recurrent weights; `tfseq.RNN(cell, recurrent_dropout=...)` gives it.
            Only to a cell whose `recur` takes it.

    Returns:
        The output, which is the first of the new states, and these, in the form they came in.

    Raises:
        ValueError: for an argument or a shape that is wrong, and for an argument of Keras' own
            cells that this one does not have.

    Example:

    >>> class DecayingCell(RecurrentCell):
    ...     def recur(self, x, states, recurrent_kernel):
    ...         (h,) = states
    ...         return [0.5 * h + self.activation(x + ops.matmul(h, recurrent_kernel))]
    >>> cell = DecayingCell(4)
    >>> output, states = cell(ops.ones((2, 5)), cell.get_initial_state(batch_size=2))
    >>> tuple(output.shape)
    (2, 4)
    """

    num_gates = 1
    num_states = 1
    has_recurrent_kernel = True

    def __init__(
        self,
        units: int,
        activation="tanh",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
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
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

        self.state_size = units if self.num_states == 1 else [units] * self.num_states
        self.output_size = units

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of `bias`."""
        return (self.num_gates * self.units,)

    def initial_bias(self, shape, dtype=None) -> Any:
        """The values `bias` begins with."""
        return self.bias_initializer(shape, dtype=dtype)

    def build(self, input_shape) -> None:
        if len(input_shape) != 2 or input_shape[1] is None:
            raise ValueError(
                f"`inputs` of {type(self).__name__} must have the shape [batch, features], the "
                f"number of features being known. Received: shape={tuple(input_shape)}."
            )
        columns = self.num_gates * self.units
        self.kernel = self._add("kernel", (input_shape[1], columns), self.kernel_initializer)
        if self.has_recurrent_kernel:
            shape = self.units, columns
            self.recurrent_kernel = self._add("recurrent", shape, self.recurrent_initializer)
        self.bias = None
        if self.use_bias:
            self.bias = self._add("bias", self.bias_shape, self.initial_bias)

    def _add(self, weight, shape, initializer):
        return self.add_weight(
            name="recurrent_kernel" if weight == "recurrent" else weight,
            shape=shape,
            initializer=initializer,
            regularizer=getattr(self, f"{weight}_regularizer"),
            constraint=getattr(self, f"{weight}_constraint"),
        )

    def get_initial_state(self, batch_size=None) -> list:
        """A list of zeros, one tensor `[batch_size, size]` for each of `state_size`."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def call(self, inputs, states, training=None, drop_state=None) -> Any:
        before = self._checked_states(inputs, states)
        x = self.project(inputs, *self.input_weights())
        keywords = {} if drop_state is None else {"drop_state": drop_state}
        new = self.recur(x, before, *self.recurrent_weights(), **keywords)
        return new[0], new if isinstance(states, list | tuple) else new[0]

    def project(self, inputs, kernel, bias) -> Any:
        """X_t W_x + b, `[batch, num_gates * units]`, of `input_weights`."""
        # The product of a one-hot row with W_x is a row of W_x.
        one_hot = len(inputs.shape) == 1
        x = ops.take(kernel, inputs, axis=0) if one_hot else ops.matmul(inputs, kernel)
        return x if bias is None else x + bias

    def recur(self, x, states, *weights) -> list:
        """The new states, the output first, from X_t W_x + b, the states and `recurrent_weights`.

        All that the step reads is an argument: in a loop the weights are then read before it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `recur`, or `call`.")

    def input_weights(self) -> tuple:
        """W_x and b (or None), which `project` reads."""
        return self.kernel, self.bias

    def recurrent_weights(self) -> tuple:
        """What `recur` reads at each step."""
        return (self.recurrent_kernel,)

    @property
    def has_own_call(self) -> bool:
        """Whether a subclass computes something else than `recur` of `project`."""
        return type(self).call is not RecurrentCell.call

    def _checked_states(self, inputs, states) -> list:
        name = type(self).__name__
        states = list(states) if isinstance(states, list | tuple) else [states]
        if len(states) != self.num_states:
            raise ValueError(
                f"`states` of {name} must hold {self.num_states} tensor(s). "
                f"Received: {len(states)}."
            )
        if not (len(getattr(inputs, "shape", ())) == 1 and "int" in str(inputs.dtype)):
            features = self.kernel.shape[0]
            check_shape(inputs, f"`inputs` of {name} must have the shape", "batch", features)
        for state in states:
            check_shape(state, f"`states` of {name} must have the shape", "batch", self.units)
            if None not in (batch := (inputs.shape[0], state.shape[0])) and batch[0] != batch[1]:
                raise ValueError(
                    f"`states` of {name} must have as many rows as `inputs`, {batch[0]}. "
                    f"Received: shape={tuple(state.shape)}."
                )
        return states

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
        for kind, module in _MODULES.items():
            for name in (f"kernel_{kind}", f"recurrent_{kind}", f"bias_{kind}"):
                config[name] = module.serialize(getattr(self, name))
        return config


def unchanged(state) -> Any:
    """`state`: the `drop_state` that drops nothing."""
    return state


def bias_of_open_forget_gate(initializer, shape, units: int, dtype=None) -> Any:
    """A bias `shape` of blocks of `units`, as `initializer` gives it, but ones in the second block.

    Source: Jozefowicz et al., An Empirical Exploration of Recurrent Network Architectures, 2015.
    """
    before = initializer((units,), dtype=dtype)
    forget = ops.ones((units,), dtype=dtype)
    after = initializer((shape[0] - 2 * units,), dtype=dtype)
    return ops.concatenate([before, forget, after])


class GatedCell(RecurrentCell):
    """A recurrent cell with gates.

    Args:
        units, activation, use_bias, **kwargs: as for `RecurrentCell`.
        recurrent_activation: σ of the gates, given as `activation` is.
    """

    def __init__(
        self,
        units: int,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = activation_function(
            "recurrent_activation", recurrent_activation
        )

    def get_config(self) -> dict[str, Any]:
        function = activations.serialize(self.recurrent_activation)
        return {**super().get_config(), "recurrent_activation": function}
