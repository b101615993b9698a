"""Requests that a server replays as it loads a model, so that no user waits for the first one."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from tfseq.errors import InputError
from tfseq.serving.loader.loader_process import LoaderProcess
from tfseq.serving.serving_messages import PredictionLog

#: Where TensorFlow Serving looks for them in a version directory.
WARM_UP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
#: The most that TensorFlow Serving takes. More fail the load of the model.
MAX_RECORDS = 1000

# Steps of an example where any number may be sent.
_NUM_STEPS = 4


def warm_up_requests(
    signatures: Mapping[str, dict], examples: Mapping[str, Any], batch_sizes: Sequence[int]
) -> list[tuple[str, dict[str, np.ndarray]]]:
    """One request for each signature and batch size.

    Args:
        signatures: name -> `inputs`: name -> dtype and shape, as in the model card.
        examples: a row of an input by its name; a text or number fills the row. 0 where there is
            none.
        batch_sizes: sizes of the batches.

    Returns:
        Pairs of a signature's name and its inputs.
    """
    return [
        (name, {key: _batch(examples.get(key, 0), info, size) for key, info in inputs.items()})
        for name, inputs in ((name, signature["inputs"]) for name, signature in signatures.items())
        for size in batch_sizes
    ]


def write_records(
    path: str | os.PathLike, model_name: str, requests: Sequence[tuple[str, Mapping]]
) -> None:
    """Write requests as an uncompressed TFRecord file of `PredictionLog`.

    Args:
        path: the file; its directory is made if missing.
        model_name: the model that the requests name.
        requests: pairs of a signature's name and its inputs, at most 1000.

    Raises:
        ValueError: if there are more.
    """
    if len(requests) > MAX_RECORDS:
        raise ValueError(
            f"`requests` must be at most {MAX_RECORDS}: a server refuses a model with more. "
            f"Received: {len(requests)}."
        )
    Path(path).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            record = PredictionLog()
            request = record.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(record.SerializeToString())


def read_records(path: str | os.PathLike) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The requests of a warm-up file: pairs of a signature's name and its inputs.

    Raises:
        InputError: if the file is damaged.
    """
    try:
        for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            request = PredictionLog.FromString(data).predict_log.request
            yield (
                request.model_spec.signature_name,
                {name: tf.make_ndarray(value) for name, value in request.inputs.items()},
            )
    except (tf.errors.DataLossError, DecodeError, TypeError) as error:
        raise InputError(f"{path} is damaged: it is no file of warm-up requests.") from error


def count_records(path: str | os.PathLike) -> int:
    """The number of a warm-up file's requests.

    Raises:
        InputError: if the file is damaged, or holds more than a server takes.
    """
    count = sum(1 for _ in read_records(path))
    if count > MAX_RECORDS:
        raise InputError(f"{path} has {count} requests; a server takes at most {MAX_RECORDS}.")
    return count


def replay(directory: str | os.PathLike, loader: LoaderProcess) -> int:
    """Load a version directory through the C API and run its warm-up requests, as a server does.

    Args:
        directory: a version directory.
        loader: the process that does it.

    Returns:
        The number of requests.

    Raises:
        LoaderError: if the model does not load, or a request fails.
    """
    count = 0
    loader.load(directory)
    for signature, inputs in read_records(Path(directory, WARM_UP_FILE)):
        loader.run(directory, signature, **inputs)
        count += 1
    return count


def _batch(example: Any, info: Mapping, batch_size: int) -> np.ndarray:
    """Equal rows of one input."""
    if isinstance(example, str):
        example = example.encode()
    row = np.shape(example) or [_NUM_STEPS if dim is None else dim for dim in info["shape"][1:]]
    dtype = object if info["dtype"] == "string" else info["dtype"]
    return np.full([batch_size, *row], example, dtype)
