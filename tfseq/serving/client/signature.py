"""Inputs made to fit what a model's metadata say of its signatures."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfseq.errors import did_you_mean
from tfseq.files.text_bytes import text_bytes
from tfseq.serving.client.transport import RequestError
from tfseq.serving.wire.signature import Signature, TensorInfo


def find_signature(signatures: Mapping[str, Signature], name: str) -> Signature:
    """Raises RequestError, which lists those that there are, for a name that is none of them."""
    if name not in signatures:
        raise RequestError(
            f"`signature` must be one of the model's: {_listed(signatures)}. Received: {name!r}."
            + did_you_mean(name, signatures)
        )
    return signatures[name]


def fitting_inputs(
    name: str, signature: Signature, given: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Inputs as arrays of the types that a signature takes.

    Where a signature takes an axis of rows and nothing else, one text or number stands for as many
    as the other inputs have rows, and for one where they say nothing.

    Args:
        name: of the signature, for messages.
        signature: what it takes.
        given: arrays, or texts and numbers in lists in lists, or alone.

    Raises:
        RequestError: if an input is missing or unknown, of another type or another shape.
    """
    unknown = set(given) - set(signature.inputs)
    missing = set(signature.inputs) - set(given) - signature.optional
    if unknown or missing:
        wrong = next(iter(sorted(unknown)), "")
        raise RequestError(
            f"Signature {name!r} takes the inputs {_listed(signature.inputs)}. Received: "
            f"{_listed(given) or 'none'}." + did_you_mean(wrong, missing)
        )
    arrays = {key: _as_type(key, value, signature.inputs[key]) for key, value in given.items()}
    rows = next((array.shape[0] for array in arrays.values() if array.ndim), 1)
    return {
        key: _of_shape(f"`{key}` of signature {name!r}", array, signature.inputs[key].shape, rows)
        for key, array in arrays.items()
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _of_shape(name: str, array: np.ndarray, shape: tuple[int, ...] | None, rows: int) -> np.ndarray:
    if shape is None:
        return array
    if not array.ndim and len(shape) == 1:
        array = np.full([rows], array)
    if array.ndim != len(shape) or any(
        size not in (wanted, -1) and wanted != -1
        for size, wanted in zip(array.shape, shape, strict=True)
    ):
        sizes = ", ".join("any" if size < 0 else str(size) for size in shape)
        raise RequestError(f"{name} must have the shape [{sizes}]. Received: {list(array.shape)}.")
    return array


def _as_type(name: str, value: Any, info: TensorInfo) -> np.ndarray:
    try:
        dtype = info.dtype
    except TypeError as error:
        raise RequestError(str(error)) from None
    return _texts(name, value) if dtype.kind == "O" else _numbers(name, value, dtype)


def _texts(name: str, value: Any) -> np.ndarray:
    """Entry by entry: NumPy's own strings lose a NUL at their end."""
    try:
        entries = np.asarray(value, object)
    except ValueError:
        entries = np.asarray(None)
    if not all(isinstance(entry, str | bytes) for entry in entries.flat):
        raise RequestError(
            f"`{name}` must be texts, in lists of equal lengths. Received: {_short(value)}."
        )
    if not entries.size:
        return entries
    encoded = np.empty(entries.shape, object)
    encoded.flat = [text_bytes(entry) for entry in entries.flat]
    return encoded


def _numbers(name: str, value: Any, dtype: np.dtype) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        array = np.asarray(None)
    if not array.size:
        return array.astype(dtype)
    if array.dtype == object and all(type(entry) is int for entry in array.flat):
        # Python's own, of any length.
        raise _does_not_fit(name, value, dtype)
    kinds = "b" if dtype.kind == "b" else "iuf" if dtype.kind in "iuf" else "iufc"
    if array.dtype.kind not in kinds:
        what = "true or false" if dtype.kind == "b" else "numbers"
        raise RequestError(
            f"`{name}` must be {what}, in lists of equal lengths. Received: {_short(value)}."
        )
    with np.errstate(all="ignore"):
        cast = array.astype(dtype)
    if dtype.kind in "iu":
        fits = _are_whole(array, dtype)
    else:
        fits = np.array_equal(np.isfinite(cast), np.isfinite(array))
    if not fits:
        raise _does_not_fit(name, value, dtype)
    return cast


def _are_whole(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether all are integers of a type."""
    limits = np.iinfo(dtype)
    if array.dtype.kind in "iu":
        return limits.min <= int(array.min()) and int(array.max()) <= limits.max
    whole = np.isfinite(array).all() and (array == np.floor(array)).all()
    return bool(whole and limits.min <= array.min() and int(array.max()) <= limits.max)


def _does_not_fit(name: str, value: Any, dtype: np.dtype) -> RequestError:
    return RequestError(f"Numbers must fit in {dtype}: `{name}`. Received: {_short(value)}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
