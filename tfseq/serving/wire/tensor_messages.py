"""Arrays in protocol messages."""

from typing import Any

import numpy as np

from tfseq.serving.wire.messages import Tensor
from tfseq.serving.wire.signature import DTYPES, TensorInfo, kind_of_number

# Types of numbers -> the field that a server writes them to, one by one.
_FIELDS = {
    "DT_FLOAT": "float_val",
    "DT_DOUBLE": "double_val",
    "DT_INT32": "int_val",
    "DT_UINT8": "int_val",
    "DT_INT16": "int_val",
    "DT_INT8": "int_val",
    "DT_COMPLEX64": "scomplex_val",
    "DT_INT64": "int64_val",
    "DT_BOOL": "bool_val",
    "DT_BFLOAT16": "half_val",
    "DT_UINT16": "int_val",
    "DT_COMPLEX128": "dcomplex_val",
    "DT_HALF": "half_val",
    "DT_UINT32": "uint32_val",
    "DT_UINT64": "uint64_val",
}
# Halves are written as their 16 bits, complex numbers as pairs.
_WRITTEN_AS = {"DT_HALF": "uint16", "DT_BFLOAT16": "uint16"}


def to_message(array: np.ndarray, info: TensorInfo) -> Tensor:
    """An array of a type's values, texts being `bytes`."""
    message = Tensor(dtype=DTYPES[info.kind][0])
    message.tensor_shape.SetInParent()
    for size in array.shape:
        message.tensor_shape.dim.add(size=size)
    if info.kind == "DT_STRING":
        message.string_val.extend(array.ravel().tolist())
    else:
        if info.kind == "DT_BFLOAT16":
            array = _to_bfloat16(array)
        message.tensor_content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return message


def from_message(message: Tensor) -> np.ndarray:
    """The array that a server's message holds.

    Of values that stand one by one, the last counts for all that are left out.

    Raises:
        ValueError, TypeError: if it holds none of its shape, or of a type that NumPy has not.
    """
    shape = [dim.size for dim in message.tensor_shape.dim]
    info = TensorInfo(kind_of_number(message.dtype), None)
    size = int(np.prod(shape, dtype="int64"))
    if info.kind == "DT_STRING":
        values: Any = np.empty(len(message.string_val), object)
        values[:] = message.string_val
        return _filled(values, size, b"").reshape(shape)
    written = np.dtype(_WRITTEN_AS.get(info.kind, info.dtype))
    if message.tensor_content:
        values = np.frombuffer(message.tensor_content, written.newbyteorder("<")).astype(written)
    else:
        values = np.array(getattr(message, _FIELDS[info.kind]))
        if written.kind == "c":
            values = values[0::2] + 1j * values[1::2]
        values = _filled(values.astype(written), size, 0)
    if info.kind == "DT_HALF":
        values = values.view("float16")
    elif info.kind == "DT_BFLOAT16":
        values = (values.astype("uint32") << 16).view("float32")
    return values.reshape(shape)


def _filled(values: np.ndarray, size: int, otherwise: Any) -> np.ndarray:
    if 0 < len(values) < size or (size and not len(values)):
        last = values[-1] if len(values) else otherwise
        filled = np.full([size], last, values.dtype)
        filled[: len(values)] = values
        return filled
    return values


def _to_bfloat16(array: np.ndarray) -> np.ndarray:
    """The upper halves of float32, rounded to the nearest, ties to even."""
    bits = array.astype("float32").view("uint32")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), 0x7FC0, rounded).astype("uint16")
