"""Requests that a server replays as it loads a model, so that no user waits for the first one."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from tfseq.errors import InputError
from tfseq.serving.loader.loader_process import LoaderProcess
from tfseq.serving.wire.messages import PredictionLog
from tfseq.serving.wire.tensor_messages import from_message

#: Where TensorFlow Serving looks for them in a version directory.
WARM_UP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
#: The most that TensorFlow Serving takes. More fail the load of the model.
MAX_RECORDS = 1000

# Steps of an example where any number may be sent.
_NUM_STEPS = 4


def warm_up_requests(
    signatures: Mapping[str, dict], examples: Mapping[str, Any], batch_sizes: Sequence[int]
) -> list[tuple[str, dict[str, np.ndarray]]]:
    """One request for each signature and batch size: its name and inputs.

    `examples` holds a row of an input by its name; a text or number fills the row, and 0 does where
    there is none. A tuple holds one for each batch size in turn, where values lead to different
    parts of a graph.
    """

    def inputs(signature, turn, size):
        given = {n: v[turn % len(v)] if isinstance(v, tuple) else v for n, v in examples.items()}
        specs = signature["inputs"].items()
        return {name: _batch(given.get(name, 0), info, size) for name, info in specs}

    return [
        (name, inputs(of, turn, size))
        for name, of in signatures.items()
        for turn, size in enumerate(batch_sizes)
    ]


def write_records(
    path: str | os.PathLike, model_name: str, requests: Sequence[tuple[str, Mapping]]
) -> None:
    """Write requests to a model as an uncompressed TFRecord file of `PredictionLog`."""
    Path(path).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            record = PredictionLog()
            request = record.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                tensor = tf.make_tensor_proto(value)
                request.inputs[name].MergeFromString(tensor.SerializeToString())
            writer.write(record.SerializeToString())


def read_records(path: str | os.PathLike) -> list[tuple[str, dict[str, np.ndarray]]]:
    """The requests of a warm-up file: pairs of a signature's name and its inputs.

    Raises InputError if the file is damaged, or holds more than a server takes.
    """
    requests = []
    try:
        for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            request = PredictionLog.FromString(data).predict_log.request
            inputs = {name: from_message(value) for name, value in request.inputs.items()}
            requests.append((request.model_spec.signature_name, inputs))
    except (tf.errors.DataLossError, DecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: it is not a file of warm-up requests.") from error
    if len(requests) > MAX_RECORDS:
        raise InputError(
            f"{path} has {len(requests)} requests; a server takes at most {MAX_RECORDS}."
        )
    return requests


def replay(directory: str | os.PathLike, loader: LoaderProcess) -> int:
    """Load a version directory by the C API and run its warm-up requests, as a server does.

    Returns the number of requests; raises LoaderError if the model does not load, or one fails.
    """
    loader.load(directory)
    requests = read_records(Path(directory, WARM_UP_FILE))
    for signature, inputs in requests:
        loader.run(directory, signature, **inputs)
    return len(requests)


def _batch(example: Any, info: Mapping, batch_size: int) -> np.ndarray:
    """Equal rows of one input."""
    if isinstance(example, str):
        example = example.encode()
    row = np.shape(example) or [_NUM_STEPS if dim is None else dim for dim in info["shape"][1:]]
    dtype = object if info["dtype"] == "string" else info["dtype"]
    return np.full([batch_size, *row], example, dtype)
