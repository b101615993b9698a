"""What cells share whose step is linear in the state."""

from typing import Any

from keras import ops

from tfseq.cells.recurrent_cell import RecurrentCell


class LinearCell(RecurrentCell):
    """A recurrent cell whose step is linear in the state, without its equation.

        H_t = A_t ⊙ H_{t-1} + B_t

    A_t and B_t depend on X_t alone, so that all steps of a sequence can be computed at once. A
    subclass writes them in `coefficients`, and says in `num_gates` how many blocks of `units`
    columns `kernel` has. There is no recurrent kernel. The state and the output are H.

    `tfseq.RNN` runs all steps at once for any Keras cell with one state, its output, and a method
    `linear_steps(inputs)`, which takes X `[batch, time, features]` and returns A and B,
    `[batch, time, units]` each. A subclass of such a cell that has a `call` or a `recur` of its
    own, but no `linear_steps`, runs step by step.

    Args:
        units, activation, use_bias, **kwargs: as for `RecurrentCell`, but nothing that concerns
            a recurrent kernel.

    Raises:
        ValueError: for an argument that is wrong, such as one of a recurrent kernel.

    Example:

    >>> class AverageCell(LinearCell):
    ...     def coefficients(self, x):
    ...         return 0.5 * ops.ones_like(x), 0.5 * x
    >>> cell = AverageCell(1, kernel_initializer="ones")
    >>> output, (h,) = cell(ops.array([[4.0]]), cell.get_initial_state(batch_size=1))
    >>> a, b = cell.linear_steps(ops.array([[[4.0], [8.0]]]))
    >>> output.numpy().tolist(), b.numpy().tolist()
    ([[2.0]], [[[2.0], [4.0]]])
    """

    has_recurrent_kernel = False

    def __init__(self, units: int, activation=None, use_bias: bool = True, **kwargs):
        for name in kwargs:
            if name.startswith("recurrent_"):
                raise ValueError(
                    f"{type(self).__name__} has no argument `{name}`: its gates depend on the "
                    "input alone, and no matrix multiplies its state."
                )
        super().__init__(units, activation, use_bias, **kwargs)

    def coefficients(self, x, *weights) -> tuple:
        """A_t and B_t from X_t W_x + b and `recurrent_weights`, with any axes before the last."""
        raise NotImplementedError(f"{type(self).__name__} must define `coefficients`.")

    def linear_steps(self, inputs) -> tuple:
        """A and B of all steps, `[batch, time, units]` each, for X `[batch, time, features]`."""
        dtype = self.compute_dtype
        inputs = ops.cast(inputs, dtype)
        input_weights, weights = (
            [None if w is None else ops.cast(w, dtype) for w in weights]
            for weights in (self.input_weights(), self.recurrent_weights())
        )
        return self.coefficients(self.project(inputs, *input_weights), *weights)

    def recurrent_weights(self) -> tuple:
        return ()

    def recur(self, x, states, *weights) -> list:
        (h,) = states
        a, b = self.coefficients(x, *weights)
        return [a * h + b]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {name: config[name] for name in config if not name.startswith("recurrent_")}
