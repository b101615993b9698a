"""One step of a cell as a graph of operations."""

import inspect
import itertools
import re

import keras
import tensorflow as tf
from keras import tree

from tfseq.layers.tensorflow.compiled import can_compile
from tfseq.layers.tensorflow.differentiation import is_differentiable
from tfseq.layers.tensorflow.step.cell_marks import no_marks, obstacle
from tfseq.layers.tensorflow.step.replay import run_again
from tfseq.layers.tensorflow.step.sorting import (
    NotTraceableError,
    sort_backward,
    sort_forward,
    unique,
)


class StepGraph:
    """What one step computes, y_t, s_t = cell(x_t, s_{t-1}), and its gradient, in parts.

    All tensors and operations are those of the traced graph; `replay` runs them elsewhere.

    Attributes:
        inputs: x_t, then the mask where there is one, then what is drawn for a step.
        previous: y_{t-1} where a masked step repeats it, then the s_{t-1}.
        weights: stand for the variables of the cell.
        results: y_t, then the s_t.
        cotangents: ∂L/∂ of each of `results`.
        fixed: constant operations, such as the axis of a split.
        once: operations on weights alone, run once before the loops.
        ahead: operations on rows of the inputs and on weights, run before the loop for all
            steps together.
        recurrent: the other operations of the step.
        projected: what `recurrent` reads of the inputs and of `ahead`.
        constants: what `recurrent` and `backward` read of the weights and of `once`.
        kept: what `backward` and `products` read of a step; the forward loop stores it.
        remade: operations on `kept`, `projected` and constants, run again in the backward loop.
        backward: the operations of the gradient.
        products: operations of `recurrent` on rows and on weights: the gradient for the weights
            is formed after the backward loop, for all steps together.
        summed: those of `constants` whose gradient is summed up step by step.
        gradients: by `ref()` of `previous`, `projected`, `summed` and of the results of
            `products`: ∂L/∂ of it, through this step alone: not on through what `projected` and
            `constants` were made of. What L does not depend on is missing.
        acts_on_rows: whether each row of the results depends on the same row of inputs and states
            alone.
        definitions: types and attributes of the forward operations. They differ between two
            batch sizes where the step computes with the batch size.
    """

    def __init__(self, inputs: list, previous: list, weights: list, results: list):
        self.inputs, self.previous, self.weights, self.results = inputs, previous, weights, results
        self.cotangents, self.gradients = [], {}
        self.fixed, self.once, self.ahead, self.recurrent = [], [], [], []
        self.projected, self.constants, self.kept = [], [], []
        self.remade, self.backward, self.products, self.summed = [], [], [], []
        self.acts_on_rows, self.definitions = False, []

    @property
    def repeats(self) -> bool:
        """Whether y_{t-1} is among `previous`."""
        return len(self.previous) == len(self.results)


def trace_step(
    cell,
    weights,
    inputs,
    states,
    mask,
    training,
    zero_output_for_mask,
    backward=True,
    noise=None,
    drawn=(),
) -> StepGraph:
    """The step of `cell`, with its gradient, for inputs and states of the given shapes.

    Args:
        cell: a built Keras layer, `cell(inputs, states) -> (output, new_states)`.
        weights, inputs, states, mask: `tf.TensorSpec`s of the cell's variables, of x_t
            `[batch, …]`, of the states, nested as the cell has them, and of the mask `[batch, 1]`
            (or None).
        training: handed to the cell, if it takes it.
        zero_output_for_mask: whether a masked step puts out zeros, or repeats the output.
        backward: whether the gradient is traced too.
        noise, drawn: the `StateNoise` of the call, or None, and `tf.TensorSpec`s of what a step
            reads of it, `[batch, …]`.

    Raises:
        NotTraceableError: for a cell that `tfseq.RNN` leaves to the loop of Keras; says why.
    """

    if reason := obstacle(cell):
        raise NotTraceableError(reason)
    steps = []

    def build():
        # Keras opens a scope of the cell's name; a root scope's must not begin with "_".
        with tf.name_scope("step"):
            step = _forward_step(
                cell, weights, inputs, states, mask, training, zero_output_for_mask, noise, drawn
            )
            kinds = sort_forward(step)
            if backward:
                _differentiate(step)
                sort_backward(step, kinds)
            _check_replay(step)
        steps.append(step)

    with no_marks(cell) as marks:
        traced = tf.function(build, autograph=False).get_concrete_function()
    if marks:
        raise NotTraceableError("a call changes it: it keeps something, or counts")
    if traced.captured_inputs:
        raise NotTraceableError("it reads a tensor from outside")
    for operation in traced.graph.get_operations():
        # Such as an assertion, or printing, that no result comes from.
        if operation.op_def.is_stateful:
            raise NotTraceableError(f"its operation {operation.type} does more than compute")
    return steps[0]


def _check_replay(step):
    """Refuses what cannot be run again: tried with every operation that is not in daily use."""
    parts = (step.once, step.ahead, step.recurrent, step.remade, step.backward)
    for operation in itertools.chain(*parts):
        if can_compile([operation]):
            continue
        try:
            results = run_again(operation, list(operation.inputs))
        except Exception as error:
            raise NotTraceableError(
                f"its operation {operation.type} cannot be run elsewhere ({_first_line(error)})"
            ) from error
        if [r.dtype for r in results] != [t.dtype for t in operation.outputs]:
            raise NotTraceableError(f"its operation {operation.type} has results of other dtypes")


def _placeholder(spec):
    return tf.compat.v1.placeholder(spec.dtype, spec.shape)


def _forward_step(
    cell, weights, inputs, states, mask, training, zero_output_for_mask, noise, drawn
):
    x = _placeholder(inputs)
    m = None if mask is None else _placeholder(mask)
    drawn = list(map(_placeholder, drawn))
    previous = tree.map_structure(_placeholder, states)
    weights = list(map(_placeholder, weights))
    variables = list(zip(cell.variables, weights, strict=True))
    takes_training = "training" in inspect.signature(cell.call).parameters
    keywords = {"training": training} if takes_training else {}
    with keras.StatelessScope(state_mapping=variables, collect_losses=True) as scope:
        try:
            if noise is None:
                y, new = cell(x, previous, **keywords)
            else:
                y, new = noise.step(cell, x, previous, drawn, **keywords)
        except Exception as error:
            # If the cell itself is wrong, the loop of Keras meets the same error, and raises it.
            raise NotTraceableError(
                f"its step cannot be traced alone ({_first_line(error)})"
            ) from error
        if tf.compat.v1.get_default_graph().external_captures:
            raise NotTraceableError("it reads a tensor from outside")
        if scope.losses:
            raise NotTraceableError("it adds a loss")
        if any(scope.get_current_value(v) is not w for v, w in variables):
            raise NotTraceableError("it writes a variable, as one that draws random numbers does")
    old, new = tree.flatten(previous), tree.flatten(new)
    if not all(tf.is_tensor(t) and t.dtype.is_floating for t in (y, *new)):
        raise NotTraceableError("its output or a state is no tensor of floats")
    if [s.dtype for s in old] != [s.dtype for s in new]:
        raise NotTraceableError("its states change their dtype")
    if not all(s.shape.is_compatible_with(o.shape) for s, o in zip(new, old, strict=True)):
        raise NotTraceableError("its states change their shape")
    if not y.shape.rank or y.shape[0] != x.shape[0]:
        raise NotTraceableError("its output is not one of a batch")
    if m is None:
        return StepGraph([x, *drawn], old, weights, [y, *new])
    if not all(_is_masked_by(m, t) for t in (y, *new)):
        raise NotTraceableError("a mask cannot choose between the rows of a state")
    repeated = [] if zero_output_for_mask else [_placeholder(tf.TensorSpec(y.shape, y.dtype))]
    y = tf.where(_as_wide(m, y), y, tf.zeros([], y.dtype) if zero_output_for_mask else repeated[0])
    new = [tf.where(_as_wide(m, n), n, o) for n, o in zip(new, old, strict=True)]
    return StepGraph([x, m, *drawn], [*repeated, *old], weights, [y, *new])


def _as_wide(mask, tensor):
    """`mask` `[batch, 1]` with as many axes as `tensor`."""
    for _ in range(tensor.shape.rank - 2):
        mask = mask[..., None]
    return mask


def _is_masked_by(mask, tensor):
    """Whether `tensor` is `[batch, …, size]`: a mask `[batch, 1]` chooses among its rows."""
    return (tensor.shape.rank or 0) >= 2 and tensor.shape[0] == mask.shape[0]


def _first_line(error):
    """What kind of error it is, and what it says, in one line."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    # Keras puts a line of its own before that of the error.
    lines = [line for line in lines if line and not line.startswith("Exception encountered when")]
    return ": ".join([type(error).__name__, *lines[:1]])


def _differentiate(step):
    step.cotangents = [_placeholder(tf.TensorSpec(t.shape, t.dtype)) for t in step.results]
    of = [*step.previous, *step.projected, *step.summed]
    of += [operation.outputs[0] for operation in step.products]
    of = unique(filter(is_differentiable, of))
    # What lies ahead of the loop is differentiated there, for all steps at once.
    try:
        gradients = tf.gradients(
            step.results,
            of,
            grad_ys=step.cotangents,
            stop_gradients=[*step.projected, *step.constants],
        )
    except LookupError as error:
        # Inference can do without; a gradient meets the same error in the loop of Keras.
        raise NotTraceableError(f"part of it has no gradient ({_first_line(error)})") from error
    step.gradients = {
        tensor.ref(): tf.convert_to_tensor(gradient)
        for tensor, gradient in zip(of, gradients, strict=True)
        if gradient is not None
    }
