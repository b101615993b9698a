"""The signatures of a SavedModel, and the requests that it is warmed up with."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.models.messages import PredictionLog, SavedModel

# TensorFlow's numbers of types, and NumPy's names of those that are served.
_TYPE_NAMES = dict(
    enumerate("FLOAT DOUBLE INT32 UINT8 INT16 INT8 STRING COMPLEX64 INT64 BOOL".split(), start=1)
) | {14: "BFLOAT16", 17: "UINT16", 19: "HALF", 22: "UINT32", 23: "UINT64"}
_DTYPES = {
    "FLOAT": "float32",
    "DOUBLE": "float64",
    "INT32": "int32",
    "STRING": "object",
    "INT64": "int64",
    "BOOL": "bool",
}
_WARM_UP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
# Of a record: its length and a checksum of that, and one after the content.
_HEADER, _FOOTER = struct.Struct("<QI"), 4


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a signature.

    Attributes:
        tensor: its name in the graph.
        type_name: TensorFlow's name of its type, without `DT_`.
        shape: None stands for any size; a shape of None for any rank.
    """

    tensor: str
    type_name: str
    shape: tuple[int | None, ...] | None

    @property
    def dtype(self) -> str:
        """NumPy's type; `object` for strings."""
        return _DTYPES.get(self.type_name, "")


@dataclass(frozen=True)
class Signature:
    """What can be asked of a model: inputs and outputs by name."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]
    method_name: str

    @property
    def takes_batches(self) -> bool:
        """Whether rows of several requests may be put together."""
        infos = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(i.shape and i.shape[0] is None for i in infos)


def read_signatures(directory: Path) -> dict[str, Signature]:
    """Name -> signature, from a version directory; raises FaultError if there is none to read."""
    try:
        (meta_graph, *_) = SavedModel.FromString(
            Path(directory, "saved_model.pb").read_bytes()
        ).meta_graphs
    except (OSError, DecodeError, ValueError) as error:
        raise FaultError("NOT_FOUND", f"{directory} holds no SavedModel: {error}.") from error
    return {
        entry.key: Signature(
            _infos(entry.value.inputs), _infos(entry.value.outputs), entry.value.method_name
        )
        for entry in sorted(meta_graph.signature_def, key=lambda entry: entry.key)
        if not entry.key.startswith("__saved_model")
    }


def _infos(entries: Any) -> dict[str, TensorInfo]:
    infos = {}
    for entry in sorted(entries, key=lambda entry: entry.key):
        info, shape = entry.value, None
        if not info.tensor_shape.unknown_rank:
            shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
        name = _TYPE_NAMES.get(info.dtype, str(info.dtype))
        infos[entry.key] = TensorInfo(info.name, name, shape)
    return infos


def read_warm_up(directory: Path) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Signature and inputs of each request of a warm-up file; none where there is no file."""
    path = Path(directory, _WARM_UP_FILE)
    if not path.is_file():
        return []
    data, place, requests = path.read_bytes(), 0, []
    try:
        while place < len(data):
            length, _ = _HEADER.unpack_from(data, place)
            place += _HEADER.size
            request = PredictionLog.FromString(data[place : place + length]).predict_log.request
            place += length + _FOOTER
            inputs = {entry.key: _array(entry.value) for entry in request.inputs}
            requests.append((request.model_spec.signature_name or "serving_default", inputs))
    except (struct.error, DecodeError, KeyError, ValueError, IndexError) as error:
        raise FaultError("DATA_LOSS", f"{path} is damaged: {error!r}.") from error
    return requests


def _array(tensor: Any) -> np.ndarray:
    name = _TYPE_NAMES[tensor.dtype]
    dtype, shape = _DTYPES[name], [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    fields = {"INT32": "int_val"}
    values = list(getattr(tensor, fields.get(name, f"{name.lower()}_val")))
    array = np.empty(shape, dtype)
    # Where values are missing, the last one stands for them.
    count = array.size
    array.reshape(-1)[:] = (values + [values[-1]] * (count - len(values))) if count else []
    return array
