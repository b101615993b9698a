"""The operations that a SavedModel asks of the server."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

# Each with what becomes of it on a server.
_FORBIDDEN = {
    "XlaCallModule": "XLA is switched off in the server",
    "XlaLaunch": "XLA is switched off in the server",
    "PyFunc": "the server has no Python",
    "PyFuncStateless": "the server has no Python",
    "EagerPyFunc": "the server has no Python",
    "CudnnRNN": "the server may have no GPU",
    "CudnnRNNV2": "the server may have no GPU",
    "CudnnRNNV3": "the server may have no GPU",
}


def read_operations(directory: str | Path) -> list[str]:
    """The names of all operations of a SavedModel, function bodies included, in order.

    Args:
        directory: a version directory, the one with `saved_model.pb`.

    Raises:
        ValueError: if the graph cannot run on a server: it must be compiled by XLA, calls
            Python, or needs cuDNN. Such a model loads, and fails at its first request.
    """
    saved_model = SavedModel.FromString(Path(directory, "saved_model.pb").read_bytes())
    operations = set()
    for meta_graph in saved_model.meta_graphs:
        for place, nodes, attributes in _bodies(meta_graph):
            _check(place, "the function", attributes)
            for node in nodes:
                _check(place, f"{node.op} ({node.name})", node.attr, _FORBIDDEN.get(node.op))
        operations |= graph_operations(meta_graph)
    return sorted(operations)


def graph_operations(meta_graph: MetaGraphDef) -> set[str]:
    """The names of a MetaGraph's operations, function bodies included."""
    return {node.op for _, nodes, _ in _bodies(meta_graph) for node in nodes}


def _bodies(meta_graph: MetaGraphDef) -> Iterator[tuple]:
    """Name, nodes and attributes of the main graph and of every function's body."""
    yield "the main graph", meta_graph.graph_def.node, {}
    for function in meta_graph.graph_def.library.function:
        yield f"function {function.signature.name}", function.node_def, function.attr


def _check(place: str, what: str, attributes: Mapping, reason: str | None = None) -> None:
    if "_XlaMustCompile" in attributes and attributes["_XlaMustCompile"].b:
        reason = "it must be compiled by XLA, which is switched off in the server"
    if reason:
        raise ValueError(
            "An exported graph must run on any server, without XLA, Python and cuDNN. "
            f"Received: {what} in {place}; {reason}."
        )
