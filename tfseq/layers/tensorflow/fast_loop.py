"""A traced step run over a sequence, with back-propagation through time written out."""

from functools import partial

import tensorflow as tf

from tfseq.layers.tensorflow.ahead import (
    as_rows,
    as_steps,
    projected_tables,
    row_numbers,
    run_ahead,
    sizes,
)
from tfseq.layers.tensorflow.compiled import compiled
from tfseq.layers.tensorflow.differentiation import is_differentiable
from tfseq.layers.tensorflow.segments import divide, run_segments
from tfseq.layers.tensorflow.step.graph import StepGraph
from tfseq.layers.tensorflow.step.replay import replay, run_again
from tfseq.layers.tensorflow.step.sorting import ADDITIONS
from tfseq.layers.tensorflow.step_loops import (
    apart,
    as_wide_as,
    backward_loop,
    forward_loop,
    gradients_of_rows,
    known_values,
    read_backwards,
)
from tfseq.layers.tensorflow.whole_step import transposed_product


def run_loop(
    step: StepGraph,
    sequences,
    others,
    previous,
    weights,
    lookup=None,
    all_outputs=True,
    keep=True,
    by_xla=False,
    segment_length=None,
):
    """Runs `step` over sequences.

    What depends on the inputs alone runs first, for all steps at once: a cell's product with
    its input kernel is one product. The loop runs the rest. Its gradient is back-propagation
    through time as the textbook writes it: a loop carries ∂L/∂s_t backwards, and afterwards
    the gradient of each weight is one product over all steps, ∂L/∂W_hh = Σ_t H_{t-1}ᵀ ∂L/∂Z_t.

    The batch comes in parts, each with loops of its own, between which nothing is ordered: while
    one multiplies, another has its gates computed.

    Args:
        step: a traced step, for the rows of one part.
        sequences: X, `[parts, time, rows, …]`.
        others: values of the other `step.inputs`, `[parts, time, rows, …]` each.
        previous, weights: values of `step.previous`, `[parts, rows, …]`, and of `step.weights`.
        lookup: `(ids [parts, time, rows], table)` that `sequences` are rows of, or None.
        all_outputs: whether every y_t is put out, or the last one.
        keep: whether the forward loop stores what the backward loop reads. If not, a gradient
            runs the forward loop again.
        by_xla: whether XLA compiles the loops; shapes have to be static.
        segment_length: a gradient runs segments of so many steps again, of which only the first
            states are kept; None keeps what it reads of all steps.

    Returns:
        The outputs `[parts, time, rows, …]`, or the last one of each part `[parts, rows, …]`, and
        the final states, `[parts, rows, …]` each.
    """
    tensors = _of_weights(step, weights)
    x, by_step = step.inputs[0], [sequences, *others]
    tables = []
    if lookup is not None:
        ids, table = lookup
        num_rows = sequences.shape[1 if segment_length else 0 : 3].num_elements()
        tables = projected_tables(step, table, num_rows, tensors)
        if tables:
            by_step[0] = row_numbers(ids, table, x.shape[-1])
    parts = zip(*(tf.unstack(t) for t in (*by_step, *previous)), strict=True)
    num_steps = sequences.shape[1]
    if segment_length is None or (num_steps is not None and num_steps <= segment_length):

        def run_part(by_step, previous):
            return _run_part(step, tensors, by_step, previous, tables, all_outputs, keep, by_xla)

    else:

        def run_segment(by_step, previous, shared, keep):
            weights, tables = shared[: len(step.weights)], shared[len(step.weights) :]
            tensors = _of_weights(step, weights)
            return _run_part(step, tensors, by_step, previous, tables, all_outputs, keep, False)

        def run_part(by_step, previous):
            y = step.results[0]
            output = as_wide_as(y, tf.zeros([sizes(by_step[0])[1], *y.shape[1:]], y.dtype))
            previous = [as_wide_as(p, v) for p, v in zip(step.previous, previous, strict=True)]
            shared = [*weights, *tables]
            return run_segments(
                run_segment, segment_length, by_step, previous, shared, output, all_outputs, by_xla
            )

    results = []
    for part in parts:
        outputs, final = run_part(*divide(part, (len(by_step), len(previous))))
        results.append((outputs, *final))
    outputs, *final = map(tf.stack, zip(*results, strict=True))
    return outputs, final[step.repeats :]


def _of_weights(step, weights):
    """Values by `ref()`: those of the weights, and what is made of them alone."""
    tensors = {t.ref(): value for t, value in zip(step.weights, weights, strict=True)}
    replay(step.fixed, tensors)
    replay(step.once, tensors)
    return tensors


def _run_part(step, tensors, by_step, previous, tables, all_outputs, keep, by_xla):
    """`run_loop` for one part: outputs, and the values of `step.previous` after the last step."""
    num_steps, num_rows = sizes(by_step[0])[:2]
    tensors = dict(tensors)
    run_ahead(step, by_step, tables, tensors)
    projected = [as_steps(tensors[t.ref()], num_steps, num_rows) for t in step.projected]
    constants = [tensors[t.ref()] for t in step.constants]
    counts = (len(projected), len(previous), len(constants))

    def forward(keep, arguments):
        return forward_loop(
            step, num_steps, num_rows, all_outputs, keep, *divide(arguments, counts)
        )

    read = read_backwards(step)

    def backward(values, constants, cotangents):
        values = {t.ref(): v for t, v in zip(read, values, strict=True)}
        d_outputs, *d_final = cotangents
        return backward_loop(step, num_steps, all_outputs, values, constants, d_outputs, d_final)

    first, again = partial(forward, keep), partial(forward, True)
    if by_xla:
        first, again, backward = compiled(first), compiled(again), compiled(backward)

    @tf.custom_gradient
    def loop(*arguments):
        outputs, final, kept = first(arguments)
        outputs, kept = apart(step, all_outputs, outputs, kept) if keep else (outputs, kept)

        def gradient(*cotangents):
            stored = kept
            if not keep:
                once_more, _, stored = again(arguments)
                _, stored = apart(step, all_outputs, once_more, stored)
            projected, _, constants = divide(arguments, counts)
            steps = zip([*step.projected, *step.kept], [*projected, *stored], strict=True)
            values = {t.ref(): value for t, value in steps}
            # No more than that: what a compiled loop is handed stays until it has ended.
            parts = backward([values[t.ref()] for t in read], constants, cotangents)
            d_rows, d_previous, d_summed = parts
            d_rows = {g.ref(): d for g, d in zip(gradients_of_rows(step), d_rows, strict=True)}
            d_rows = {t: d_rows[g.ref()] for t, g in step.gradients.items() if g.ref() in d_rows}
            # As in the loop of Keras: an input that is read without a gradient has one of zeros.
            d_projected = [
                tf.zeros_like(p) if t.ref() not in d_rows and is_differentiable(p)
                else d_rows.get(t.ref())
                for t, p in zip(step.projected, projected, strict=True)
            ]  # fmt: skip
            d_constants = _constant_gradients(step, projected, stored, constants, d_rows, d_summed)
            return [*d_projected, *d_previous, *d_constants]

        return (outputs, *final), gradient

    # Made tensors of this graph: a gradient's gradient must not reach round it to another.
    constants = list(map(tf.identity, constants))
    outputs, *final = loop(*projected, *previous, *constants)
    return outputs, final


def _constant_gradients(step, projected, kept, constants, d_rows, d_summed):
    """∂L/∂ of each of `step.constants`; None for those that L does not depend on."""
    values = known_values(step, constants)
    steps = zip([*step.projected, *step.kept], [*projected, *kept], strict=True)
    values |= {t.ref(): as_rows(value) for t, value in steps}
    totals = {t.ref(): d for t, d in zip(step.summed, d_summed, strict=True) if d is not None}
    constant = {c.ref() for c in filter(is_differentiable, step.constants)}
    for operation in step.products:
        d = d_rows.get(operation.outputs[0].ref())
        for reference in {t.ref() for t in operation.inputs} & constant:
            if d is None:
                continue
            g = _product_gradient(operation, reference, values, as_rows(d))
            if g is not None:
                totals[reference] = totals[reference] + g if reference in totals else g
    return [totals.get(c.ref()) for c in step.constants]


def _product_gradient(operation, constant, values, d):
    """What `operation` gives for ∂L/∂constant, summed over the rows of all steps."""
    value = values[constant]
    if operation.type in ADDITIONS:
        d = tf.reduce_sum(d, axis=list(range(d.shape.rank - value.shape.rank)))
        stretched = [i for i, n in enumerate(value.shape) if n == 1 and d.shape[i] != 1]
        return tf.reduce_sum(d, axis=stretched, keepdims=True) if stretched else d
    inputs = [values[t.ref()] for t in operation.inputs]
    if operation.type == "MatMul" and not value.dtype.is_complex:
        factors = [d, inputs[0]] if operation.get_attr("transpose_b") else [inputs[0], d]
        return transposed_product(*factors)
    with tf.GradientTape() as tape:
        tape.watch(value)
        (result,) = run_again(operation, inputs)
    g = tape.gradient(result, value, output_gradients=d)
    # The gradient of a gather is sparse.
    return None if g is None else tf.convert_to_tensor(g)
