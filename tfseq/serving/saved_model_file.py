"""The file `saved_model.pb`: its graphs and signatures, read without loading the model."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorflow.core.framework.types_pb2 import DataType
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

# As NumPy names them.
_NAMES = {"float": "float32", "double": "float64", "half": "float16"}


def read_saved_model(directory: str | os.PathLike) -> SavedModel:
    """The message in a version directory's `saved_model.pb`."""
    return SavedModel.FromString(Path(directory, "saved_model.pb").read_bytes())


def described_signatures(meta_graph: MetaGraphDef) -> dict[str, dict]:
    """Signature name -> `inputs` and `outputs`: name -> dtype and shape (None is any size)."""
    return {
        name: {"inputs": _described(signature.inputs), "outputs": _described(signature.outputs)}
        for name, signature in sorted(meta_graph.signature_def.items())
        if not name.startswith("__saved_model")
    }


def _described(tensors: Mapping[str, TensorInfo]) -> dict[str, dict[str, Any]]:
    described = {}
    for key, info in sorted(tensors.items()):
        shape = None
        if not info.tensor_shape.unknown_rank:
            shape = [None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim]
        dtype = DataType.Name(info.dtype).removeprefix("DT_").lower()
        described[key] = {"dtype": _NAMES.get(dtype, dtype), "shape": shape}
    return described
