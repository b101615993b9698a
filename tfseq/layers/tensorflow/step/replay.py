"""Operations of one TensorFlow graph, written again into another."""

import functools
import inspect

import tensorflow as tf

from tfseq.layers.tensorflow.whole_step import multiplies_narrow, product


def replay(operations, tensors: dict) -> None:
    """Runs `operations` again, in the graph that is being built now.

    Gradient tapes see what is run, as they see any call of `tf.raw_ops`.

    Args:
        operations: `tf.Operation`s of a traced graph, each behind those whose results it reads.
        tensors: what stands for the traced tensors here, by `Tensor.ref()`; the results are
            added.
    """
    for operation in operations:
        inputs = [tensors[tensor.ref()] for tensor in operation.inputs]
        results = run_again(operation, inputs)
        for traced, result in zip(operation.outputs, results, strict=True):
            tensors[traced.ref()] = result


def run_again(operation, inputs: list) -> list:
    """The outputs of `operation` on other `inputs`."""
    definition = operation.op_def
    if operation.type == "Const":
        return [tf.constant(tf.make_ndarray(operation.get_attr("value")))]
    if operation.type == "MatMul" and multiplies_narrow() and not operation.get_attr("transpose_a"):
        return [product(*inputs, transpose_b=operation.get_attr("transpose_b"))]
    arguments, inferred, position = {}, set(), 0
    for argument in definition.input_arg:
        inferred.update((argument.type_attr, argument.number_attr, argument.type_list_attr))
        if argument.number_attr:
            count = operation.get_attr(argument.number_attr)
        elif argument.type_list_attr:
            count = len(operation.get_attr(argument.type_list_attr))
        else:
            arguments[argument.name] = inputs[position]
            position += 1
            continue
        arguments[argument.name] = inputs[position : position + count]
        position += count
    for attribute in definition.attr:
        if attribute.name not in inferred:
            arguments[attribute.name] = operation.get_attr(attribute.name)
    function = getattr(tf.raw_ops, operation.type)
    result = function(**_as_named_in_python(arguments, function))
    if isinstance(result, tf.Operation):
        return []
    if tf.is_tensor(result):
        return [result]
    return tf.nest.flatten(list(result))


def _as_named_in_python(arguments, function):
    """`arguments` under the names of `function`, which has others for a few of the inputs."""
    names = _parameters(function)
    free = iter([name for name in names if name not in arguments])
    return {name if name in names else next(free): value for name, value in arguments.items()}


@functools.cache
def _parameters(function):
    return [name for name in inspect.signature(function).parameters if name != "name"]


def can_replay(operation) -> bool:
    """Whether `replay` can run `operation`, and its gradient is the one of its type.

    Not so for operations with an effect beyond their result (random numbers, assignments), those
    that call functions (conditions, loops), and those of a `tf.custom_gradient`.
    """
    if operation.op_def.is_stateful or not hasattr(tf.raw_ops, operation.type):
        return False
    attributes = operation.node_def.attr
    calls = any(a.HasField("func") or a.list.func for a in attributes.values())
    return not calls and "_gradient_op_type" not in attributes
