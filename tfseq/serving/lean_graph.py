"""A SavedModel's functions made small and left as they are, so that a server is ready soon."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

# No public function tells of an operation, or writes the fingerprint of `saved_model.pb`.
from tensorflow.python.framework import op_def_registry
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

from tfseq.serving.saved_model_file import read_saved_model

# Shapes as they were when the function was traced; a server works them out by itself.
_TRACED_SHAPES = "_output_shapes"


def make_lean(directory: str | os.PathLike) -> None:
    """Rewrite `saved_model.pb` so that it loads faster and computes the same, bit for bit.

    At the first request to each signature a server copies and rewrites (by Grappler) all functions
    of the file some twenty times, whatever part of them the signature needs. So here

    - nodes are removed that no result or side effect of their function depends on;
    - one of several nodes is kept that compute the same from the same inputs;
    - the shapes noted when a function was traced are removed;
    - functions are marked so that Grappler leaves them alone, and a signature's function so that it
      is not inlined into the main graph.

    Grappler would gain hardly more in a request than the first two steps do.
    """
    saved_model = read_saved_model(directory)
    for meta_graph in saved_model.meta_graphs:
        _make_graph_lean(meta_graph)
    Path(directory, "saved_model.pb").write_bytes(saved_model.SerializeToString(deterministic=True))
    write_fingerprint(str(directory))


def _make_graph_lean(meta_graph: MetaGraphDef) -> None:
    pure = {node.op for node in _all_nodes(meta_graph) if _is_pure(node.op)}
    signatures = _signature_functions(meta_graph)
    for node in _all_nodes(meta_graph):
        node.attr.pop(_TRACED_SHAPES, None)
        if "config_proto" in node.attr:
            node.attr["config_proto"].s = _left_as_it_is(node.attr["config_proto"].s)
    for function in meta_graph.graph_def.library.function:
        _drop_unused(function)
        _merge_equal(function, pure)
        for argument in function.arg_attr.values():
            argument.attr.pop(_TRACED_SHAPES, None)
        # Grappler skips functions with this attribute: tf.data optimizes its own.
        function.attr["_tf_data_function"].b = True
        if function.signature.name in signatures:
            function.attr["_noinline"].b = True


def _all_nodes(meta_graph: MetaGraphDef) -> Iterator[NodeDef]:
    yield from meta_graph.graph_def.node
    for function in meta_graph.graph_def.library.function:
        yield from function.node_def


def _is_pure(operation: str) -> bool:
    known = op_def_registry.get(operation)
    return known is not None and not known.is_stateful


def _signature_functions(meta_graph: MetaGraphDef) -> set[str]:
    """The functions that the main graph calls for the outputs of signatures."""
    outputs = {
        _node_name(output.name)
        for signature in meta_graph.signature_def.values()
        for output in signature.outputs.values()
    }
    calls = [node for node in meta_graph.graph_def.node if "f" in node.attr]
    return {node.attr["f"].func.name for node in calls if node.name in outputs}


def _left_as_it_is(config: bytes) -> bytes:
    """A call's configuration, by which its function is not rewritten when it is prepared."""
    config = ConfigProto.FromString(config)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    # Maps in it (`device_count`) would stand in any order, and the file differ each time.
    return config.SerializeToString(deterministic=True)


def _drop_unused(function: FunctionDef) -> None:
    nodes = {node.name: node for node in function.node_def}
    needed, waiting = set(), [*function.ret.values(), *function.control_ret.values()]
    while waiting:
        name = _node_name(waiting.pop())
        if name in nodes and name not in needed:
            needed.add(name)
            waiting.extend(nodes[name].input)
    _keep(function, [node for node in function.node_def if node.name in needed])


def _merge_equal(function: FunctionDef, pure: set[str]) -> None:
    """Keep one of nodes with equal operation, attributes and inputs, if it has no state."""
    kept, names, known = [], {}, {}
    for node in _in_order(function):
        node.input[:] = [_renamed(tensor, names) for tensor in node.input]
        if node.op in pure:
            attributes = sorted(
                (name, value.SerializeToString(deterministic=True))
                for name, value in node.attr.items()
            )
            key = node.op, node.device, *node.input, *attributes
            names[node.name] = known.setdefault(key, node.name)
        if names.get(node.name, node.name) == node.name:
            kept.append(node)
    for results in (function.ret, function.control_ret):
        for result, tensor in list(results.items()):
            results[result] = _renamed(tensor, names)
    _keep(function, kept)


def _in_order(function: FunctionDef) -> list[NodeDef]:
    """The nodes, each after those that it reads. A function's body has no cycles."""
    nodes = {node.name: node for node in function.node_def}
    ordered, waiting = {}, list(reversed(nodes))
    while waiting:
        name = waiting[-1]
        read = map(_node_name, nodes[name].input)
        before = [other for other in read if other in nodes and other not in ordered]
        waiting.extend(before)
        if not before:
            ordered.setdefault(waiting.pop(), nodes[name])
    return list(ordered.values())


def _keep(function: FunctionDef, nodes: Iterable[NodeDef]) -> None:
    copies = [NodeDef.FromString(node.SerializeToString()) for node in nodes]
    del function.node_def[:]
    function.node_def.extend(copies)


def _node_name(tensor: str) -> str:
    """`node` of a function's `node:output:0` and `^node`, and of a main graph's `node:0`."""
    return tensor.removeprefix("^").partition(":")[0]


def _renamed(tensor: str, names: dict[str, str]) -> str:
    name = _node_name(tensor)
    return tensor.replace(name, names.get(name, name), 1)
