"""Which operations treat every row of a batch on its own."""

import tensorflow as tf

_ONE_INPUT = frozenset(
    "Abs Cast Cos Elu Erf Exp Expm1 Identity LeakyRelu Log Log1p Neg Reciprocal Relu Relu6 Rsqrt "
    "Selu Sigmoid Sign Sin Softplus Softsign Sqrt Square Tanh".split()
)
_SEVERAL_INPUTS = frozenset(
    "Add AddV2 Greater GreaterEqual Less LessEqual Maximum Minimum Mul Pow RealDiv SelectV2 "
    "SquaredDifference Sub".split()
)
_REDUCTIONS = frozenset("Max Mean Min Prod Sum".split())


def acts_on_rows(operation, is_rows) -> bool:
    """Whether row i of the result depends on row i of those inputs alone that `is_rows`.

    If so, the steps of a sequence can be laid below each other as rows of one batch, and the
    operation can run on all of them at once. What is not known to be so is not: the operation
    then runs step by step, which is always right.

    `is_rows` says of an input whether its first axis is the batch; the others are the same for all.
    """
    inputs = list(operation.inputs)
    rows = [is_rows(tensor) for tensor in inputs]
    if not any(rows) or any(tensor.shape.rank is None for tensor in inputs):
        return False
    kind = operation.type
    if kind in _ONE_INPUT:
        return inputs[0].shape.rank >= 1
    if kind in _SEVERAL_INPUTS:
        return _broadcasts_over_rows(inputs, rows)
    if kind in _REDUCTIONS:
        return rows == [True, False] and _keeps_rows(*inputs)
    if kind == "MatMul":
        return rows == [True, False] and not operation.get_attr("transpose_a")
    if kind == "BiasAdd":
        return rows == [True, False] and operation.get_attr("data_format") == b"NHWC"
    if kind == "Split":
        return rows == [False, True] and _axis(inputs[0], inputs[1].shape.rank) != 0
    if kind == "ConcatV2":
        return all(rows[:-1]) and not rows[-1] and _axis(inputs[-1], inputs[0].shape.rank) != 0
    if kind == "StridedSlice":
        return rows == [True, False, False, False] and _takes_all_rows(operation)
    if kind == "GatherV2":
        axis = tf.get_static_value(inputs[2])
        of_rows = axis is not None and axis == 0 and operation.get_attr("batch_dims") == 0
        return rows == [False, True, False] and of_rows
    return False


def _broadcasts_over_rows(inputs, rows):
    rank = max(tensor.shape.rank for tensor in inputs)
    if rank == 0:
        return False
    for tensor, is_row in zip(inputs, rows, strict=True):
        if is_row and tensor.shape.rank != rank:
            return False
        if not is_row and tensor.shape.rank == rank and tensor.shape[0] != 1:
            return False
    return True


def _axis(tensor, rank):
    value = tf.get_static_value(tensor)
    return 0 if value is None else int(value) % rank


def _keeps_rows(tensor, axes):
    axes = tf.get_static_value(axes)
    return axes is not None and all(axis % tensor.shape.rank for axis in axes.reshape(-1))


def _takes_all_rows(operation):
    """Whether a slice is `[:, …]`: the first axis neither cut, nor reversed, nor made."""
    begin, end = operation.get_attr("begin_mask"), operation.get_attr("end_mask")
    others = ("ellipsis_mask", "new_axis_mask")
    strides = tf.get_static_value(operation.inputs[3])
    return (
        begin & 1 == 1
        and end & 1 == 1
        and operation.get_attr("shrink_axis_mask") & 1 == 0
        and not any(operation.get_attr(mask) for mask in others)
        and strides is not None
        and strides[0] == 1
    )
