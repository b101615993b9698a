"""What a step computes of the inputs alone, for all steps at once, and in what form it is laid."""

import tensorflow as tf

from tfseq.layers.tensorflow.few_rows import FEW_ROWS, sum_of_few_rows
from tfseq.layers.tensorflow.step.graph import StepGraph
from tfseq.layers.tensorflow.step.replay import replay
from tfseq.layers.tensorflow.whole_step import product


def run_ahead(step: StepGraph, by_step: list, tables: list, tensors: dict) -> None:
    """Adds the results of `step.ahead` to `tensors`, for all steps as rows of one batch.

    Args:
        step: a traced step.
        by_step: values of `step.inputs`, `[time, rows, …]` each; or the ids `[time, rows]` in
            place of X, where there are tables.
        tables: those of `projected_tables`, or none.
        tensors: values by `ref()`: those of the weights, of `step.fixed` and of `step.once`.
    """
    by_step = [as_rows(value) for value in by_step]
    if not tables:
        tensors |= {t.ref(): value for t, value in zip(step.inputs, by_step, strict=True)}
        replay(step.ahead, tensors)
        return
    ids, *masks = by_step
    tensors |= {t.ref(): value for t, value in zip(step.inputs[1:], masks, strict=True)}
    tables = iter(tables)
    for operation in step.ahead:
        if operation in _products_of_inputs(step):
            tensors[operation.outputs[0].ref()] = _take_rows(next(tables), ids)
        else:
            replay([operation], tensors)


def projected_tables(step: StepGraph, table, num_rows: int | None, tensors: dict) -> list:
    """`table · kernel` for each product of X, whose rows are those of `table`.

    Args:
        step: a traced step.
        table: `[rows, features]`; None where X are one-hot vectors, or `[features]`, what they are
            multiplied by.
        num_rows: those of X that are to be looked up, if it is known how many.
        tensors: as `run_ahead` has them.

    Returns:
        The tables; none if the step reads X otherwise too, or has fewer rows than `table`.
    """
    products = _products_of_inputs(step)
    if not _only_multiplied(step, products):
        return []
    kernels = [tensors[operation.inputs[1].ref()] for operation in products]
    if _is_one_hot(table):
        if table is not None:
            kernels = [tf.cast(table, kernel.dtype)[:, None] * kernel for kernel in kernels]
        # The one-hot vector of an id that is no symbol's is zero, and so is its product.
        return [tf.pad(kernel, [[0, 1], [0, 0]]) for kernel in kernels]
    if num_rows is None or table.shape[0] > num_rows:
        return []
    return [product(tf.cast(table, kernel.dtype), kernel) for kernel in kernels]


def row_numbers(ids, table, num_features: int):
    """The rows of `projected_tables` that `ids` stand for."""
    if not _is_one_hot(table):
        return ids
    return tf.where((ids >= 0) & (ids < num_features), ids, num_features)


def _is_one_hot(table):
    return table is None or table.shape.rank == 1


def _products_of_inputs(step):
    x = step.inputs[0]
    return [o for o in step.ahead if o.type == "MatMul" and o.inputs[0] is x]


def _only_multiplied(step, products):
    """Whether the step reads x in `products` alone."""
    x = step.inputs[0]
    everything = [*step.ahead, *step.recurrent, *step.backward]
    readers = [o for o in everything if any(t is x for t in o.inputs)]
    return (
        not any(t is x for t in (*step.projected, *step.kept))
        and all(o in products for o in readers)
        and not any(o.get_attr("transpose_b") for o in readers)
    )


@tf.custom_gradient
def _take_rows(table, ids):
    count = table.shape[0]

    def gradient(d):
        if count <= FEW_ROWS:
            return sum_of_few_rows(d, ids, count), None
        return tf.math.unsorted_segment_sum(d, ids, count), None

    return tf.gather(table, ids), gradient


def sizes(tensor) -> list:
    """The sizes of `tensor`: numbers where the graph knows them, else scalar tensors."""
    return [tf.shape(tensor)[i] if n is None else n for i, n in enumerate(tensor.shape)]


def as_rows(steps):
    """`steps` `[time, rows, …]` with the steps below each other, `[time * rows, …]`."""
    num_rows = steps.shape[:2].num_elements()
    return tf.reshape(steps, [-1 if num_rows is None else num_rows, *sizes(steps)[2:]])


def as_steps(rows, num_steps, num_rows):
    """`rows` `[time * rows, …]` divided into steps, `[time, rows, …]`."""
    return tf.reshape(rows, [num_steps, num_rows, *sizes(rows)[1:]])
