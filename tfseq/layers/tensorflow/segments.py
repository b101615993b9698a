"""Back-propagation through time that keeps the states of few steps, and runs the others again."""

from collections.abc import Callable

import tensorflow as tf

from tfseq.layers.tensorflow.ahead import sizes
from tfseq.layers.tensorflow.compiled import compiled
from tfseq.layers.tensorflow.differentiation import is_differentiable
from tfseq.layers.tensorflow.step_loops import repeat


def run_segments(
    run: Callable,
    length: int,
    by_step: list,
    previous: list,
    shared: list,
    output,
    all_outputs: bool,
    by_xla: bool = False,
) -> tuple:
    """`run` over segments of `length` steps, of which a gradient keeps the first states alone.

    The gradient goes through the segments from the last to the first, runs each of them once more,
    now keeping what back-propagation reads, and goes back through it. Of T steps in segments of n,
    T / n states are kept and n steps of everything else: least for n ≈ √T.

    Source: Chen et al., Training deep nets with sublinear memory cost, 2016,
    https://arxiv.org/abs/1604.06174.

    Args:
        run: (by_step, previous, shared, keep) -> (outputs, final): a loop over some steps. Its
            outputs are those of all of them, `[time, …]`, or the last one.
        length: n; the last segment may be shorter.
        by_step: tensors `[time, …]`, of which each segment reads its own.
        previous: the states before the first step.
        shared: tensors that all segments read.
        output: zeros of the form of y_t, the output of one step.
        all_outputs: whether every y_t is wanted, or the last one.
        by_xla: whether XLA compiles the loops over the segments.

    Returns:
        What `run` returns for all steps at once.
    """
    num_steps = by_step[0].shape[0]
    rest = 0 if num_steps is None else num_steps % length
    if not rest:
        return _run_equal(run, length, by_step, previous, shared, output, all_outputs, by_xla)
    parts = [tf.split(t, [num_steps - rest, rest]) for t in by_step]
    first, last = map(list, zip(*parts, strict=True))
    settings = (output, all_outputs, by_xla)
    before, states = _run_equal(run, length, first, previous, shared, *settings)
    after, states = _run_equal(run, rest, last, states, shared, *settings)
    return tf.concat([before, after], 0) if all_outputs else after, states


def _run_equal(run, length, by_step, previous, shared, output, all_outputs, by_xla):
    """`run_segments` of equal segments; only if the number of steps is unknown, one is shorter."""
    num_steps = sizes(by_step[0])[0]
    known = isinstance(num_steps, int)
    count = num_steps // length if known else -(-num_steps // length)

    def cut(tensor, i):
        start = i * length
        stop = length if known else tf.minimum(length, num_steps - start)
        rest = tensor.shape.rank - 1
        piece = tf.slice(tensor, [start, *[0] * rest], [stop, *sizes(tensor)[1:]])
        piece.set_shape([length if known else None, *tensor.shape[1:]])
        return piece

    def arrays(tensors):
        """An array for each of `tensors`, of one value for each segment."""
        return [_array(t.dtype, count, t.shape) for t in tensors]

    def arrays_of_pieces(shapes, dtypes):
        shapes = [[length if known else None, *shape] for shape in shapes]
        return [_array(d, count, shape) for d, shape in zip(dtypes, shapes, strict=True)]

    def joined(pieces):
        """The pieces of all segments as one tensor."""
        if not known:
            return pieces.concat()
        stacked = pieces.stack()
        return tf.reshape(stacked, [num_steps, *sizes(stacked)[2:]])

    def forward(by_step, previous, shared):
        def body(i, y, previous, outputs, borders):
            borders = [b.write(i, p) for b, p in zip(borders, previous, strict=True)]
            result, previous = run([cut(t, i) for t in by_step], previous, shared, False)
            outputs = [a.write(i, result) for a in outputs]
            return i + 1, [] if all_outputs else [result], previous, outputs, borders

        of_all = [output] if all_outputs else []
        outputs = arrays_of_pieces([y.shape for y in of_all], [y.dtype for y in of_all])
        variables = ([] if all_outputs else [output], previous, outputs, arrays(previous))
        y, final, outputs, borders = _loop(body, count, variables)
        result = joined(outputs[0]) if all_outputs else y[0]
        return result, final, [b.stack() for b in borders]

    def backward(by_step, borders, shared, d_output, d_final):
        def body(turn, d_y, d_previous, d_steps, sums):
            i = count - 1 - turn
            pieces = [cut(t, i) for t in by_step]
            states = [b[i] for b in borders]
            watched = [t for t in (*pieces, *states, *shared) if is_differentiable(t)]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(watched)
                result, final = run(pieces, states, shared, True)
            d_result = cut(d_output, i) if all_outputs else d_y[0]
            gradients = tape.gradient(
                [result, *final],
                watched,
                [d_result, *d_previous],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            gradients = iter(gradients)
            d_pieces = [next(gradients) for t in pieces if is_differentiable(t)]
            d_previous = [next(gradients) for _ in states]
            d_steps = [a.write(i, d) for a, d in zip(d_steps, d_pieces, strict=True)]
            sums = [total + d for total, d in zip(sums, gradients, strict=True)]
            return turn + 1, list(map(tf.zeros_like, d_y)), d_previous, d_steps, sums

        learned = list(filter(is_differentiable, by_step))
        variables = (
            [] if all_outputs else [d_output],
            d_final,
            arrays_of_pieces([t.shape[1:] for t in learned], [t.dtype for t in learned]),
            [tf.zeros_like(t) for t in shared if is_differentiable(t)],
        )
        _, d_previous, d_steps, sums = _loop(body, count, variables)
        return [joined(d) for d in d_steps], d_previous, sums

    if by_xla:
        forward, backward = compiled(forward), compiled(backward)
    counts = (len(by_step), len(previous), len(shared))

    @tf.custom_gradient
    def loop(*arguments):
        by_step, previous, shared = divide(arguments, counts)
        result, final, borders = forward(by_step, previous, shared)

        def gradient(*cotangents):
            d_result, *d_final = cotangents
            d_steps, d_previous, d_shared = backward(by_step, borders, shared, d_result, d_final)
            d_steps, d_shared = iter(d_steps), iter(d_shared)
            return [
                *(next(d_steps) if is_differentiable(t) else None for t in by_step),
                *d_previous,
                *(next(d_shared) if is_differentiable(t) else None for t in shared),
            ]

        return (result, *final), gradient

    # Made tensors of this graph: a gradient's gradient must not reach round it to another.
    result, *final = loop(*map(tf.identity, [*by_step, *previous, *shared]))
    return result, final


def divide(items, counts) -> list[list]:
    """`items` in lists, of which each has as many as `counts` says."""
    parts, start = [], 0
    for count in counts:
        parts.append(list(items[start : start + count]))
        start += count
    return parts


def _array(dtype, count, shape):
    return tf.TensorArray(dtype, count, element_shape=shape, infer_shape=False)


def _loop(body, count, variables):
    """`repeat`, without a loop where there is one segment."""
    if isinstance(count, int) and count == 1:
        return body(0, *variables)[1:]
    return repeat(body, count, variables)
