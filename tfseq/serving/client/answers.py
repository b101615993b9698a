"""Inputs and outputs in the JSON of REST, as a client sends and reads them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfseq.serving.client.transport import RequestError
from tfseq.serving.wire.json_tensors import ANY_FORM, AS_WRITTEN, from_json, to_json
from tfseq.serving.wire.signature import TensorInfo

# So many numbers of an answer are looked at one by one.
_LOOKED_AT = 200


def sent_input(name: str, array: np.ndarray) -> Any:
    """An input as lists; raises RequestError for an array that JSON has no form for."""
    if array.ndim > 1 and 0 in array.shape[:-1]:
        raise RequestError(
            f"`{name}` must have a row: REST cannot say that lists of no rows have columns, gRPC "
            f"can. Received: {list(array.shape)}."
        )
    if array.dtype.kind == "c":
        raise RequestError(f"`{name}` must be sent by gRPC: JSON has no complex numbers.")
    return to_json(array)


def read_outputs(
    answer: Any, known: Mapping[str, TensorInfo], as_written: bool
) -> dict[str, np.ndarray]:
    """Output -> value, of the types that metadata give; raises ValueError where it is not.

    Args:
        answer: what stood under `outputs`.
        known: the outputs of the signature.
        as_written: whether numbers must look like their type too: `1` is no float.
    """
    # An answer of one output comes without its name.
    if len(known) == 1 and not isinstance(answer, dict):
        answer = dict.fromkeys(known, answer)
    if not isinstance(answer, dict) or set(answer) != set(known):
        raise ValueError(f"the outputs are not {', '.join(known) or 'in the metadata'}")
    written = AS_WRITTEN if as_written else ANY_FORM
    # Bytes that are not UTF-8 come out as they were.
    outputs = {
        name: from_json(name, value, known[name], written, errors="surrogateescape")
        for name, value in answer.items()
    }
    if as_written:
        for name, array in outputs.items():
            _check_decimals(name, answer[name], array)
    return outputs


def _check_decimals(name: str, value: Any, array: np.ndarray) -> None:
    """Few decimals tell the numbers of a short type apart from those of a long one."""
    if array.dtype.kind != "f":
        return
    written = np.asarray(value, "float64").ravel()[:_LOOKED_AT].tolist()
    pairs = zip(written, array.ravel()[:_LOOKED_AT].tolist(), strict=True)
    if not all(_is_short(number, held) for number, held in pairs):
        raise ValueError(f"{name} has more decimals than its type")


def _is_short(written: float, held: float) -> bool:
    if written == held or math.isnan(written):
        return True
    return held != 0 and math.isfinite(held) and float(f"{written:.9g}") == written
