"""What a SavedModel's graph could do to the machine that runs it."""

from collections.abc import Iterable, Iterator, Mapping

from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from tfseq.serving.inspection.allowed_operations import (
    ALLOWED_OPERATIONS,
    ASSET_OPERATIONS,
    RESTORE_OPERATIONS,
    SAVE_OPERATIONS,
)
from tfseq.serving.operations import must_compile


def graph_problems(meta_graph: MetaGraphDef) -> list[str]:
    """Say what in a graph and in all its function bodies is not allowed, in order.

    Allowed are the operations of `allowed_operations`. Checkpoints may be written
    where nothing but the saver's `save` leads, and read where `restore` leads too; a lookup table
    may be read from a file if its path comes from an asset. Nothing may demand XLA. There is a
    sentence for each kind of problem at each place.
    """
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    problems = [
        f"function {name} must be compiled by XLA."
        for name, function in functions.items()
        if must_compile(function.attr)
    ]
    for node, function, visitors in _places(meta_graph, functions):
        problem = _problem(node, function, visitors, meta_graph, functions)
        if problem:
            where = f"function {function}" if function else "the main graph"
            problems.append(f"{node.op} ({node.name}) in {where}: {problem}.")
    return list(dict.fromkeys(problems))


def _problem(
    node: NodeDef, function: str, visitors: set[str], meta_graph: MetaGraphDef, functions: dict
) -> str | None:
    if must_compile(node.attr):
        return "it must be compiled by XLA"
    if node.op in ALLOWED_OPERATIONS or node.op in functions:
        return None
    if node.op in SAVE_OPERATIONS:
        return None if visitors == {"save"} else "it writes a file outside the saver"
    if node.op in RESTORE_OPERATIONS:
        inside = visitors and visitors <= {"save", "restore"}
        return None if inside else "it reads a file outside the saver"
    if node.op in ASSET_OPERATIONS:
        inside = _reads_asset(node, function, meta_graph, functions)
        return None if inside else "it reads a file that is no asset"
    return "it is not among the allowed operations"


def _places(meta_graph: MetaGraphDef, functions: dict) -> Iterator[tuple[NodeDef, str, set[str]]]:
    """Every node of the main graph and of every function; the function's name, "" in the main
    graph; and who gets there: `requests`, `save` or `restore`."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    sources = {name: [_node_name(source) for source in n.input] for name, n in nodes.items()}
    calls = {name: _called(node) for name, node in nodes.items()}
    inner_calls = {
        name: [called for node in function.node_def for called in _called(node)]
        for name, function in functions.items()
    }
    saver = meta_graph.saver_def
    roots = {"save": saver.save_tensor_name, "restore": saver.restore_op_name}
    reached = {
        who: _reached([_node_name(root)] if root else [], sources) for who, root in roots.items()
    }
    # Whatever the saver alone does not reach counts as reached by requests.
    reached["requests"] = set(nodes) - reached["save"] - reached["restore"]
    called = {
        who: _reached((called for name in names for called in calls[name]), inner_calls)
        for who, names in reached.items()
    }
    called["requests"] |= set(functions) - called["save"] - called["restore"]
    for node in meta_graph.graph_def.node:
        yield node, "", {who for who in reached if node.name in reached[who]}
    for name, function in functions.items():
        visitors = {who for who in called if name in called[who]}
        for node in function.node_def:
            yield node, name, visitors


def _reached(start: Iterable[str], following: Mapping[str, list[str]]) -> set[str]:
    """Those names that are in `following` and to which it leads from some, these among them."""
    found, waiting = set(), list(start)
    while waiting:
        name = waiting.pop()
        if name in following and name not in found:
            found.add(name)
            waiting += following[name]
    return found


def _called(node: NodeDef) -> list[str]:
    """The functions that a node may call, and its operation, which may be a function's name."""
    return [node.op, *(name for value in node.attr.values() for name in _named(value))]


def _named(value: AttrValue) -> list[str]:
    values = [value.func] if value.HasField("func") else value.list.func
    return [f.name for f in values] + [
        n for f in values for v in f.attr.values() for n in _named(v)
    ]


def _reads_asset(node: NodeDef, name: str, meta_graph: MetaGraphDef, functions: dict) -> bool:
    """Whether a table's file name is an asset's path, in the main graph or as an argument."""
    paths = _asset_paths(meta_graph)
    source = _node_name(node.input[1]) if len(node.input) > 1 else ""
    if not name:
        return source in paths
    arguments = [argument.name for argument in functions[name].signature.input_arg]
    inner_calls = any(
        name in _called(node) for function in functions.values() for node in function.node_def
    )
    calls = [node for node in meta_graph.graph_def.node if name in _called(node)]
    if source not in arguments or inner_calls or not calls:
        return False
    position = arguments.index(source)
    return all(_node_name(call.input[position]) in paths for call in calls)


def _asset_paths(meta_graph: MetaGraphDef) -> set[str]:
    """What the loader alone fills with assets' paths, and what reads variables of only those."""
    graph = meta_graph.graph_def
    assets = {_node_name(asset.tensor_info.name) for asset in meta_graph.asset_file_def}
    for signature in meta_graph.signature_def.values():
        assets -= {_node_name(tensor.name) for tensor in signature.inputs.values()}
    assigned, other_use = {}, set()
    for node in graph.node:
        if node.op == "AssignVariableOp":
            variable, value = map(_node_name, node.input[:2])
            assigned.setdefault(variable, []).append(value)
        elif node.op not in ("ReadVariableOp", "VarIsInitializedOp"):
            other_use |= {_node_name(source) for source in node.input}
    paths = {
        variable
        for variable, values in assigned.items()
        if set(values) <= assets and variable not in other_use
    }
    reads = {
        node.name
        for node in graph.node
        if node.op == "ReadVariableOp" and _node_name(node.input[0]) in paths
    }
    return assets | reads


def _node_name(tensor: str) -> str:
    return tensor.removeprefix("^").split(":")[0]
