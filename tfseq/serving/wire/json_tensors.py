"""Tensors in the JSON of TensorFlow Serving's REST API."""

import base64
import binascii
from collections.abc import Callable, Mapping, Set
from itertools import chain
from math import isinf
from typing import Any

import numpy as np

from tfseq.serving.wire.signature import TensorInfo

# NumPy's kind of a type -> the types of what JSON may hold for it.
_WRITTEN = {
    "O": {str, dict},
    "f": {int, float},
    "i": {int},
    "u": {int},
    "b": {bool},
}
#: What servers write: a float has a point.
AS_WRITTEN: Mapping[str, Set[type]] = {**_WRITTEN, "f": {float}}
#: Any form of a number.
ANY_FORM: Mapping[str, Set[type]] = {**_WRITTEN, "i": {int, float}, "u": {int, float}}


def text_or_base64(data: bytes) -> str | dict[str, str]:
    """A text; bytes that are not UTF-8 go in base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return as_base64(data)


def as_base64(data: bytes) -> dict[str, str]:
    """Bytes as JSON has them, whatever they are."""
    return {"b64": base64.b64encode(data).decode("ascii")}


def to_json(array: np.ndarray, write: Callable[[bytes], Any] = text_or_base64) -> Any:
    """A tensor as nested lists; `write` gives a string's form.

    >>> to_json(np.array([[b"a", b"\\xff"]], object))
    [['a', {'b64': '/w=='}]]
    """
    if array.dtype != object or not array.size:
        return array.tolist()
    return np.asarray(np.frompyfunc(write, 1, 1)(array), object).tolist()


def from_json(
    name: str,
    value: Any,
    info: TensorInfo,
    written: Mapping[str, Set[type]] = _WRITTEN,
    errors: str = "strict",
) -> np.ndarray:
    """A tensor from nested lists.

    Args:
        name: for messages.
        value: the lists, or a number or text for a tensor without axes.
        info: its type and shape.
        written: NumPy's kind of a type -> the types of Python that may stand for it.
        errors: what is done about halves of surrogate pairs, as `str.encode` takes it.

    Raises:
        ValueError: if it is not of the type or the shape.

    >>> from_json("x", [[1, 2]], TensorInfo("DT_FLOAT", (-1, 2)))
    array([[1., 2.]], dtype=float32)
    """
    try:
        dtype = info.dtype
        kinds = written[dtype.kind]
    except (TypeError, KeyError):
        raise ValueError(f"`{name}` is of type {info.kind}, which JSON has no form for.") from None
    shape, items = _flattened(name, value, info.shape)
    if not set(map(type, items)) <= kinds:
        wrong = next(item for item in items if type(item) not in kinds)
        raise ValueError(f"`{name}` must be of type {info.kind}. Received: {_short(wrong)}.")
    if dtype.kind == "O":
        items = [_bytes(name, item, errors) for item in items]
    array = np.empty(len(items), dtype)
    try:
        with np.errstate(all="ignore"):
            array[:] = items
    except (OverflowError, ValueError):
        raise ValueError(f"`{name}` has numbers beyond {info.kind}.") from None
    if dtype.kind == "f" and not np.isfinite(array).all():
        # Infinity may be meant; a number that is too large for the type is no infinity.
        large = (a for a, b in zip(items, array.tolist(), strict=True) if isinf(b) and not isinf(a))
        if (wrong := next(large, None)) is not None:
            raise ValueError(f"`{name}` has numbers beyond {info.kind}. Received: {_short(wrong)}.")
    if dtype.kind in "iu" and float in kinds and (held := array.tolist()) != items:
        wrong = next(item for item, number in zip(items, held, strict=True) if item != number)
        raise ValueError(f"`{name}` must be of type {info.kind}. Received: {_short(wrong)}.")
    return array.reshape(shape)


def _flattened(name: str, value: Any, shape: tuple[int, ...] | None) -> tuple[list[int], list]:
    """The shape of nested lists, and what they hold."""
    if shape is None:  # Of any rank: what the first entries say.
        shape, entry = [], value
        while isinstance(entry, list):
            shape.append(-1)
            entry = entry[0] if entry else None
    sizes, items = [], [value]
    for axis, expected in enumerate(shape):
        if not all(type(item) is list for item in items):
            raise ValueError(f"`{name}` must have {len(shape)} dimensions, and has {axis}.")
        # No row says how long rows are.
        lengths = {*map(len, items)} or {max(expected, 0)}
        if len(lengths) > 1:
            raise ValueError(
                f"`{name}` must have lists of one length. Received: {sorted(lengths)}."
            )
        (size,) = lengths
        if expected not in (-1, size):
            raise ValueError(
                f"`{name}` must have {expected} entries in dimension {axis}, and has {size}."
            )
        sizes.append(size)
        items = list(chain.from_iterable(items))
    if any(type(item) is list for item in items):
        raise ValueError(f"`{name}` must have {len(shape)} dimensions, and has more.")
    return sizes, items


def is_base64(value: Any) -> bool:
    """Whether an object stands for bytes."""
    return isinstance(value, dict) and value.keys() == {"b64"}


def _bytes(name: str, item: str | dict, errors: str) -> bytes:
    try:
        if isinstance(item, str):
            return item.encode("utf-8", errors)
        if is_base64(item):
            return _of_base64(item["b64"])
    except UnicodeEncodeError:
        raise ValueError(f"`{name}` has half a surrogate pair, which is no character.") from None
    except (binascii.Error, AttributeError, ValueError):
        pass
    raise ValueError(
        f'`{name}` must be texts, or {{"b64": "..."}} in base64. {_short(item)} is not.'
    )


def _of_base64(text: str) -> bytes:
    """As servers read it: in lines, and without the signs that fill it up, too."""
    text = "".join(text.split())
    filled = text if text.endswith("=") else text + "=" * (-len(text) % 4)
    return base64.b64decode(filled, validate=True)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."
