"""The loops over time of a traced step: forward, and back through time."""

from functools import partial

import tensorflow as tf

from tfseq.layers.tensorflow.step.graph import StepGraph
from tfseq.layers.tensorflow.step.replay import replay
from tfseq.layers.tensorflow.step.sorting import unique
from tfseq.layers.tensorflow.whole_step import is_compiled_whole, product


def forward_loop(
    step: StepGraph, num_steps, num_rows, all_outputs, keep, projected, previous, constants
):
    """y_t, s_t = step(x_t, s_{t-1}) for t = 1 … T.

    Args:
        all_outputs: whether every y_t is wanted, or the last one.
        keep: whether to return what the backward loop reads, too.
        projected, previous, constants: values of what `step` calls so: those of `projected`
            `[time, batch, …]`, those of `previous` before the first step.

    Returns:
        The outputs `[time, batch, …]`, or the last one; the values of `step.previous` after the
        last step; and those of `step.kept`, `[time, batch, …]` each. `apart` completes them: the
        outputs may have y_0 before them, and what they are one step later, y_{t-1}, is missing.
    """
    known = known_values(step, constants)
    shifted = _output_of_the_step_before(step) if keep else None
    stored = [t for t in step.kept if t is not shifted] if keep else []
    store_outputs = all_outputs or shifted is not None
    num_before = int(shifted is not None)
    repeats = step.repeats

    def body(t, read, last, previous, outputs, kept):
        tensors = dict(known)
        tensors |= {p.ref(): value for p, value in zip(step.projected, read, strict=True)}
        tensors |= {p.ref(): value for p, value in zip(step.previous, previous, strict=True)}
        replay(step.recurrent, tensors)
        results = [tensors[r.ref()] for r in step.results]
        for traced, result in zip(step.results, results, strict=True):
            result.set_shape(traced.shape)
        kept = [a.write(t, tensors[k.ref()]) for k, a in zip(stored, kept, strict=True)]
        outputs = [a.write(t + num_before, results[0]) for a in outputs]
        last = [results[0]] if last else []
        return last, results[1 - repeats :], outputs, kept

    y = step.results[0]
    first = [as_wide_as(y, tf.zeros([num_rows, *y.shape[1:]], y.dtype))]
    first = [] if store_outputs else first
    previous = [as_wide_as(p, value) for p, value in zip(step.previous, previous, strict=True)]
    empty = partial(_empty_arrays, after=projected)
    outputs = empty([y] if store_outputs else [], num_steps + num_before)
    if shifted is not None:
        before = next(v for p, v in zip(step.previous, previous, strict=True) if p is shifted)
        outputs = [a.write(0, before) for a in outputs]
    variables = (first, previous, outputs, empty(stored, num_steps))
    last, final, outputs, kept = _loop(body, projected, variables, num_steps, reads_ahead=not keep)

    (outputs,) = [a.stack() for a in outputs] if store_outputs else last
    if not keep:
        return outputs, final, []
    values = {t.ref(): a.stack() for t, a in zip(stored, kept, strict=True)}
    return outputs, final, [values.get(t.ref()) for t in step.kept]


def apart(step: StepGraph, all_outputs, outputs, kept):
    """The outputs and the `kept` values of `forward_loop`, of what it has stored once for both."""
    if all(value is not None for value in kept):
        return outputs, kept
    kept = [outputs[:-1] if value is None else value for value in kept]
    return outputs[1:] if all_outputs else outputs[-1], kept


def read_backwards(step: StepGraph) -> list:
    """Those of `step.projected` and `step.kept` that the backward loop reads."""
    read = {t.ref() for o in (*step.backward, *step.remade) for t in o.inputs}
    read |= {g.ref() for g in step.gradients.values()}
    return [t for t in unique([*step.projected, *step.kept]) if t.ref() in read]


def gradients_of_rows(step: StepGraph) -> list:
    """∂L/∂ of `step.projected` and of the results of `step.products`: each different one, once."""
    of_rows = [*step.projected, *(o.outputs[0] for o in step.products)]
    return unique(step.gradients[t.ref()] for t in of_rows if t.ref() in step.gradients)


def backward_loop(step: StepGraph, num_steps, all_outputs, values, constants, d_outputs, d_final):
    """Back-propagation through time: carries ∂L/∂s_t from the last step to the first.

    Args:
        values: those of `read_backwards(step)`, by `ref()`.
        d_outputs, d_final: ∂L/∂ of the outputs, as `forward_loop` gives them, and of
            `step.previous` after the last step.

    Returns:
        ∂L/∂ of `gradients_of_rows(step)`, `[time, batch, …]` each; of `step.previous` before the
        first step; and of `step.summed`, None where L does not depend on it.
    """
    known = known_values(step, constants)
    transposed = _transposed(step.backward, known)
    repeats = step.repeats

    stored = gradients_of_rows(step)
    totals = [t for t in step.summed if t.ref() in step.gradients]

    def body(t, read, d_y, d_states, results, sums):
        d = read[-1] if all_outputs else d_y[0]
        if all_outputs and repeats:
            d = d + d_y[0]
        tensors = known | dict(zip(values, read, strict=False))
        cotangents = [d, *d_states]
        tensors |= {c.ref(): v for c, v in zip(step.cotangents, cotangents, strict=True)}
        replay(step.remade, tensors)
        _replay_transposed(step.backward, tensors, transposed)

        before = []
        for p, like in zip(step.previous, cotangents[1 - repeats :], strict=True):
            g = step.gradients.get(p.ref())
            before.append(_no_gradient(like) if g is None else tensors[g.ref()])
            before[-1].set_shape(p.shape)
        results = [a.write(t, tensors[g.ref()]) for g, a in zip(stored, results, strict=True)]
        pairs = zip(totals, sums, strict=True)
        sums = [total + tensors[step.gradients[c.ref()].ref()] for c, total in pairs]
        for total, c in zip(sums, totals, strict=True):
            total.set_shape(known[c.ref()].shape)
        if repeats:
            d_y = before[:1]
        else:
            d_y = list(map(_no_gradient, d_y))
        return d_y, before[repeats:], results, sums

    d_y = d_final[:repeats]
    if not all_outputs:
        d_y = [d_outputs + d_y[0]] if repeats else [d_outputs]
    y, *states = step.results
    variables = (
        [as_wide_as(y, d) for d in d_y],
        [as_wide_as(s, d) for s, d in zip(states, d_final[repeats:], strict=True)],
        _empty_arrays(stored, num_steps, after=[d_outputs]),
        [tf.zeros_like(known[t.ref()]) for t in totals],
    )
    sequences = [*values.values(), *([d_outputs] if all_outputs else [])]
    d_y, d_states, results, sums = _loop(body, sequences, variables, num_steps, backwards=True)
    sums = {t.ref(): value for t, value in zip(totals, sums, strict=True)}
    return (
        [a.stack() for a in results],
        [*(d_y if repeats else []), *d_states],
        [sums.get(t.ref()) for t in step.summed],
    )


def _no_gradient(like):
    """Zeros like `like`, made of it: a vectorised Jacobian takes a loop's variables to stay so."""
    return tf.math.multiply_no_nan(like, tf.zeros([], like.dtype))


def known_values(step, constants):
    """By `ref()`: the tensors that are the same at each step."""
    known = {c.ref(): value for c, value in zip(step.constants, constants, strict=True)}
    replay(step.fixed, known)
    return known


def _loop(body, sequences, variables, num_steps, backwards=False, reads_ahead=False):
    """Runs `body(t, read, *variables) -> variables` for each step t; `read` is `sequences` at t.

    Without `reads_ahead`, XLA may read a step inside the operation that computes with it. Where
    that takes parts of what it reads, as gates do, it is no longer vectorised: inference of a GRU
    then takes twice as long. What a loop stores for a gradient keeps the two apart by itself.
    """
    if isinstance(num_steps, int) and num_steps == 1:
        return body(0, [s[0] for s in sequences], *variables)
    arrays = [
        tf.TensorArray(s.dtype, num_steps, element_shape=s.shape[1:]).unstack(s) for s in sequences
    ]

    def run_turn(turn, *variables):
        t = num_steps - 1 - turn if backwards else turn
        return turn + 1, *body(t, [a.read(t) for a in arrays], *variables)

    def run_turn_and_read(t, read, *variables):
        following = tf.minimum(t + 1, num_steps - 1)
        return t + 1, [a.read(following) for a in arrays], *body(t, read, *variables)

    if not reads_ahead:
        return repeat(run_turn, num_steps, variables)
    first = [s[0] for s in sequences]
    return repeat(run_turn_and_read, num_steps, (first, *variables))[1:]


def repeat(body, count, variables):
    """Runs `body(i, *variables) -> (i + 1, *variables)` for i = 0, …, `count` - 1."""
    _, *variables = tf.while_loop(
        lambda i, *_: i < count, body, (tf.constant(0), *variables), maximum_iterations=count
    )
    return variables


def _empty_arrays(tensors, num_steps, after=()):
    """Arrays for `tensors` of each step, made after the tensors `after` where XLA sees a whole.

    XLA makes an array of zeros as soon as it can, those of the backward loop before the forward
    loop, and they then lie there for nothing. What is made of a number of `after` waits for it.
    """
    arrays = [tf.TensorArray(t.dtype, num_steps, element_shape=t.shape) for t in tensors]
    if not (is_compiled_whole() and after and after[0].dtype.is_floating):
        return arrays
    # Reduced, it is computed by itself; one that is only read would be in one piece with the array.
    number = tf.reduce_max(after[0][0])
    return [
        a.unstack(tf.fill([num_steps, *t.shape], tf.cast(number, t.dtype)))
        for a, t in zip(arrays, tensors, strict=True)
    ]


def as_wide_as(traced, value):
    """`value` with the static shape of `traced`, which may say less than its own."""
    if traced.shape.as_list() == value.shape.as_list():
        return value
    return tf.compat.v1.placeholder_with_default(value, traced.shape)


def _output_of_the_step_before(step):
    """The one of `kept` that is y_{t-1}: the outputs, one step later."""
    y, *states = step.results
    kept = {t.ref() for t in step.kept}
    pairs = zip(step.previous[step.repeats :], states, strict=True)
    return next((b for b, after in pairs if after is y and b.ref() in kept), None)


def _transposed(operations, known):
    """By operation: the constant that it reads transposed, transposed once.

    A product with a transposed matrix lays it out anew at every step, which takes longer than
    the product itself.
    """
    return {
        operation: tf.transpose(known[operation.inputs[1].ref()])
        for operation in operations
        if operation.type == "MatMul"
        and operation.get_attr("transpose_b")
        and not operation.get_attr("transpose_a")
        and operation.inputs[1].ref() in known
    }


def _replay_transposed(operations, tensors, transposed):
    for operation in operations:
        if operation in transposed:
            a = tensors[operation.inputs[0].ref()]
            tensors[operation.outputs[0].ref()] = product(a, transposed[operation])
        else:
            replay([operation], tensors)
