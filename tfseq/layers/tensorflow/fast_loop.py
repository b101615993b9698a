"""A traced step run over a sequence, with back-propagation through time written out."""

from functools import partial

import tensorflow as tf

from tfseq.layers.tensorflow.compiled import compiled
from tfseq.layers.tensorflow.differentiation import is_differentiable
from tfseq.layers.tensorflow.replay import replay, run_again
from tfseq.layers.tensorflow.step_graph import StepGraph
from tfseq.layers.tensorflow.step_loops import (
    apart,
    backward_loop,
    forward_loop,
    known_values,
    read_backwards,
)
from tfseq.layers.tensorflow.step_sorting import ADDITIONS
from tfseq.layers.tensorflow.whole_step import is_compiled_whole, transposed_product

# Up to this many rows, their gradient is a product with one-hot vectors: it runs on all cores,
# where a sum over segments runs on one.
_FEW_ROWS = 256


def run_loop(
    step: StepGraph,
    sequences,
    mask,
    previous,
    weights,
    lookup=None,
    all_outputs=True,
    keep=True,
    by_xla=False,
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
        mask: bool, `[parts, time, rows, 1]`, or None.
        previous, weights: values of `step.previous`, `[parts, rows, …]`, and of `step.weights`.
        lookup: `(ids [parts, time, rows], table)` that `sequences` are rows of, or None.
        all_outputs: whether every y_t is put out, or the last one.
        keep: whether the forward loop stores what the backward loop reads. If not, a gradient
            runs the forward loop again.
        by_xla: whether XLA compiles the loops; shapes have to be static.

    Returns:
        The outputs `[parts, time, rows, …]`, or the last one of each part `[parts, rows, …]`, and
        the final states, `[parts, rows, …]` each.
    """
    num_parts, num_steps, num_rows = sizes(sequences)[:3]
    tensors = {t.ref(): value for t, value in zip(step.weights, weights, strict=True)}
    replay(step.fixed, tensors)
    replay(step.once, tensors)
    _run_ahead(step, sequences, mask, lookup, tensors)
    shape = [num_parts, num_steps, num_rows]
    by_part = [_as_steps(tensors[t.ref()], shape) for t in step.projected] + previous
    by_part = [tf.unstack(tensor, num_parts) for tensor in by_part]
    constants = [tensors[t.ref()] for t in step.constants]
    counts = (len(step.projected), len(previous), len(constants))

    def forward(keep, arguments):
        return forward_loop(
            step, num_steps, num_rows, all_outputs, keep, *_divide(arguments, counts)
        )

    read = read_backwards(step)
    factors = {t.ref() for operation in step.products for t in operation.inputs}
    unread = [t for t in step.projected if t.ref() not in factors and all(t is not r for r in read)]

    def backward(values, constants, cotangents, room=()):
        values = {t.ref(): v for t, v in zip(read, values, strict=True)}
        d_outputs, *d_final = cotangents
        return backward_loop(
            step, num_steps, all_outputs, values, constants, d_outputs, d_final, room
        )

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
            projected, _, constants = _divide(arguments, counts)
            steps = zip([*step.projected, *step.kept], [*projected, *stored], strict=True)
            values = {t.ref(): value for t, value in steps}
            # No more than that: what a compiled loop is handed stays until it has ended.
            room = [values[t.ref()] for t in unread] if is_compiled_whole() else []
            parts = backward([values[t.ref()] for t in read], constants, cotangents, room)
            d_projected, d_previous, d_products, d_summed = parts
            # As in the loop of Keras: an input that is read without a gradient has one of zeros.
            pairs = zip(projected, d_projected, strict=True)
            d_projected = [
                tf.zeros_like(p) if d is None and is_differentiable(p) else d for p, d in pairs
            ]
            d_constants = _constant_gradients(
                step, projected, stored, constants, d_products, d_summed
            )
            return [*d_projected, *d_previous, *d_constants]

        return (outputs, *final), gradient

    # Made tensors of this graph: a gradient's gradient must not reach round it to another.
    constants = list(map(tf.identity, constants))
    results = [loop(*(t[i] for t in by_part), *constants) for i in range(num_parts)]
    outputs, *final = map(tf.stack, zip(*results, strict=True))
    return outputs, final[step.repeats :]


def sizes(tensor) -> list:
    """The sizes of `tensor`: numbers where the graph knows them, else scalar tensors."""
    return [tf.shape(tensor)[i] if n is None else n for i, n in enumerate(tensor.shape)]


def _run_ahead(step, sequences, mask, lookup, tensors):
    x = step.inputs[0]
    given = [sequences] if mask is None else [sequences, mask]
    tensors |= {t.ref(): _as_rows(value, 3) for t, value in zip(step.inputs, given, strict=True)}
    if lookup is None or not _only_multiplied(step, x, sequences, lookup):
        replay(step.ahead, tensors)
        return
    ids, table = lookup
    for operation in step.ahead:
        if operation.type == "MatMul" and operation.inputs[0] is x:
            kernel = tensors[operation.inputs[1].ref()]
            rows = _project_rows(tf.reshape(ids, [-1]), table, kernel)
            tensors[operation.outputs[0].ref()] = rows
        else:
            replay([operation], tensors)


def _only_multiplied(step, x, sequences, lookup):
    """Whether the step reads x in products alone, and the table is smaller than the sequence."""
    everything = [*step.ahead, *step.recurrent, *step.backward]
    readers = [o for o in everything if any(t is x for t in o.inputs)]
    _, table = lookup
    num_rows = sequences.shape[:3].num_elements()
    return (
        not any(t is x for t in (*step.projected, *step.kept))
        and all(o in step.ahead and o.type == "MatMul" for o in readers)
        and not any(o.get_attr("transpose_b") for o in readers)
        and (table is None or (num_rows is not None and table.shape[0] <= num_rows))
    )


def _project_rows(ids, table, kernel):
    """`table[ids] · kernel`, or `kernel[ids]` where `table` is None; ids are a vector."""
    if table is not None:
        kernel = tf.matmul(tf.cast(table, kernel.dtype), kernel)
        return _take_rows(kernel, ids)
    # The one-hot vector of an id that is no symbol's is zero, and so is its product.
    count = kernel.shape[0]
    ids = tf.where((ids >= 0) & (ids < count), ids, count)
    return _take_rows(tf.pad(kernel, [[0, 1], [0, 0]]), ids)


@tf.custom_gradient
def _take_rows(table, ids):
    count = table.shape[0]

    def gradient(d):
        if count <= _FEW_ROWS:
            chosen = tf.one_hot(ids, count, dtype=d.dtype)
            return tf.matmul(chosen, d, transpose_a=True), None
        return tf.math.unsorted_segment_sum(d, ids, count), None

    return tf.gather(table, ids), gradient


def _divide(items, counts):
    parts, start = [], 0
    for count in counts:
        parts.append(list(items[start : start + count]))
        start += count
    return parts


def _as_rows(steps, num_axes):
    """`steps` with its first axes, of parts, steps and rows, as one."""
    num_rows = steps.shape[:num_axes].num_elements()
    return tf.reshape(steps, [-1 if num_rows is None else num_rows, *sizes(steps)[num_axes:]])


def _as_steps(rows, shape):
    """`rows` with its first axis divided into `shape`."""
    return tf.reshape(rows, [*shape, *sizes(rows)[1:]])


def _constant_gradients(step, projected, kept, constants, d_products, d_summed):
    """∂L/∂ of each of `step.constants`; None for those that L does not depend on."""
    values = known_values(step, constants)
    steps = zip([*step.projected, *step.kept], [*projected, *kept], strict=True)
    values |= {t.ref(): _as_rows(value, 2) for t, value in steps}
    totals = {t.ref(): d for t, d in zip(step.summed, d_summed, strict=True) if d is not None}
    constant = {c.ref() for c in filter(is_differentiable, step.constants)}
    for operation, d in zip(step.products, d_products, strict=True):
        for reference in {t.ref() for t in operation.inputs} & constant:
            if d is None:
                continue
            g = _product_gradient(operation, reference, values, _as_rows(d, 2))
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
