"""The signatures of a SavedModel, and the requests that it is warmed up with."""

import struct
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from tfseq.serving.server.faults import FaultError
from tfseq.serving.wire.messages import PredictionLog, SavedModel
from tfseq.serving.wire.signature import Signature, signatures_of_messages
from tfseq.serving.wire.tensor_messages import from_message

_WARM_UP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
# Of a record: its length and a checksum of that, and one after the content.
_HEADER, _FOOTER = struct.Struct("<QI"), 4


def read_signatures(directory: Path) -> dict[str, Signature]:
    """Name -> signature, from a version directory; raises FaultError if there is none to read."""
    try:
        (meta_graph, *_) = SavedModel.FromString(
            Path(directory, "saved_model.pb").read_bytes()
        ).meta_graphs
    except (OSError, DecodeError, ValueError) as error:
        raise FaultError("NOT_FOUND", f"{directory} holds no SavedModel: {error}.") from error
    return signatures_of_messages(meta_graph.signature_def)


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
            inputs = {name: from_message(value) for name, value in request.inputs.items()}
            requests.append((request.model_spec.signature_name or "serving_default", inputs))
    except (struct.error, DecodeError, KeyError, ValueError, TypeError) as error:
        raise FaultError("DATA_LOSS", f"{path} is damaged: {error!r}.") from error
    return requests
