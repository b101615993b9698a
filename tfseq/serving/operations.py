"""The operations that a SavedModel asks of the server."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tensorflow.core.framework.graph_pb2 import GraphDef

from tfseq.serving.saved_model_file import read_saved_model

_XLA = "XLA is switched off in the server"
_COMPILED = "it must be compiled by XLA, which is switched off in the server"
# Each with what becomes of it on a server.
_FORBIDDEN = {
    **dict.fromkeys(["XlaCallModule", "XlaLaunch"], _XLA),
    **dict.fromkeys(["PyFunc", "PyFuncStateless", "EagerPyFunc"], "the server has no Python"),
    **dict.fromkeys(["CudnnRNN", "CudnnRNNV2", "CudnnRNNV3"], "the server may have no GPU"),
}


def read_operations(directory: str | Path) -> list[str]:
    """The names of all operations in a version directory, function bodies included, in order.

    Raises ValueError if the graph cannot run on a server: it must be compiled by XLA, calls
    Python, or needs cuDNN. Such a model loads, and fails at its first request.
    """
    operations = set()
    for meta_graph in read_saved_model(directory).meta_graphs:
        for problem in forbidden_operations(meta_graph.graph_def):
            raise ValueError(
                "An exported graph must run on any server, without XLA, Python and cuDNN. "
                f"Received: {problem}."
            )
        operations |= graph_operations(meta_graph.graph_def)
    return sorted(operations)


def graph_operations(graph: GraphDef) -> set[str]:
    """The names of a graph's operations, function bodies included."""
    return {node.op for _, nodes, _ in _bodies(graph) for node in nodes}


def forbidden_operations(graph: GraphDef) -> Iterator[str]:
    """What in a graph fails on a server, with the place and the reason."""
    for place, nodes, attributes in _bodies(graph):
        if must_compile(attributes):
            yield f"the function in {place}; {_COMPILED}"
        for node in nodes:
            reason = _COMPILED if must_compile(node.attr) else _FORBIDDEN.get(node.op)
            if reason:
                yield f"{node.op} ({node.name}) in {place}; {reason}"


def must_compile(attributes: Mapping) -> bool:
    """Whether the attributes of a node or a function demand XLA."""
    return "_XlaMustCompile" in attributes and attributes["_XlaMustCompile"].b


def _bodies(graph: GraphDef) -> Iterator[tuple]:
    """Name, nodes and attributes of the main graph and of every function's body."""
    yield "the main graph", graph.node, {}
    for function in graph.library.function:
        yield f"function {function.signature.name}", function.node_def, function.attr
