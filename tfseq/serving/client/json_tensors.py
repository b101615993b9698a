"""Arrays as TensorFlow Serving's REST writes them in JSON."""

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfseq.serving.client.signature import TensorInfo
from tfseq.serving.client.transport import RequestError

#: What `from_json` raises for an answer that is not of its types.
OTHER_TYPES = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
# So many numbers of an answer are looked at one by one.
_LOOKED_AT = 200


def to_json(name: str, array: np.ndarray) -> Any:
    """Lists of numbers and texts; a text that is not UTF-8 goes in base64.

    Raises:
        RequestError: for an array that JSON has no form for.
    """
    if array.ndim > 1 and 0 in array.shape[:-1]:
        raise RequestError(
            f"`{name}` must have a row: REST cannot say that lists of no rows have columns, gRPC "
            f"can. Received: {list(array.shape)}."
        )
    if array.dtype.kind == "c":
        raise RequestError(f"`{name}` must be sent by gRPC: JSON has no complex numbers.")
    return _texts(array) if array.dtype == object else array.tolist()


def _texts(array: np.ndarray) -> Any:
    return (
        _text(array[()]) if not array.ndim else [_texts(np.asarray(row, object)) for row in array]
    )


def _text(data: bytes) -> str | dict:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode("ascii")}


def from_json(
    answer: Any, known: Mapping[str, TensorInfo], as_written: bool
) -> dict[str, np.ndarray]:
    """Output -> value, of the types that metadata give; raises `OTHER_TYPES` where it is not.

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
    return {name: _array(name, value, known[name], as_written) for name, value in answer.items()}


def _array(name: str, value: Any, info: TensorInfo, as_written: bool) -> np.ndarray:
    dtype, shape = info.dtype, info.shape
    items = np.asarray(value, object)
    if dtype.kind == "O":
        array = np.empty(items.shape, object)
        if items.size:
            array.flat = [_bytes(item) for item in items.flat]
    else:
        with np.errstate(all="ignore"):
            array = np.asarray(value, dtype)
        if not _are_they(items.ravel(), array.ravel(), as_written):
            raise ValueError(f"{name} is not of type {info.kind}")
    if shape is not None and array.ndim < len(shape) and not array.size:
        # No row says how long rows are.
        array = array.reshape([*array.shape, *(max(d, 0) for d in shape[array.ndim :])])
    return array


def _are_they(items: np.ndarray, array: np.ndarray, as_written: bool) -> bool:
    """Whether numbers that stood in an answer are those that their type holds."""
    written, held = set(map(type, items.tolist())), set(map(type, array[:1].tolist()))
    if not written <= held and (as_written or not written | held <= {int, float}):
        return False
    if array.dtype.kind != "f":
        return array.shape == items.shape and array.tolist() == items.tolist()
    if not as_written:
        return True
    pairs = zip(items[:_LOOKED_AT].tolist(), array[:_LOOKED_AT].tolist(), strict=True)
    return all(_is_short(number, as_held) for number, as_held in pairs)


def _is_short(written: float, held: float) -> bool:
    """Whether a number was of the type that holds it: few decimals tell those of a short type
    apart."""
    if written == held or math.isnan(written):
        return True
    return held != 0 and math.isfinite(held) and float(f"{written:.9g}") == written


def _bytes(text: str | dict) -> bytes:
    """A text; what has a name that ends in `_bytes` comes in base64. Bytes that are not UTF-8 come
    out as they were."""
    if isinstance(text, dict):
        return base64.b64decode(text["b64"])
    return text.encode("utf-8", "surrogateescape")
