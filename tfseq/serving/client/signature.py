"""What a model's metadata say of its signatures, and inputs made to fit."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfseq.errors import did_you_mean
from tfseq.files.text_bytes import text_bytes
from tfseq.serving.client.transport import RequestError

#: TensorFlow's types: name in metadata, number, and type in NumPy, which has no bfloat16, all of
#: whose values float32 holds.
DTYPES = {
    "DT_FLOAT": (1, "float32"),
    "DT_DOUBLE": (2, "float64"),
    "DT_INT32": (3, "int32"),
    "DT_UINT8": (4, "uint8"),
    "DT_INT16": (5, "int16"),
    "DT_INT8": (6, "int8"),
    "DT_STRING": (7, "object"),
    "DT_COMPLEX64": (8, "complex64"),
    "DT_INT64": (9, "int64"),
    "DT_BOOL": (10, "bool"),
    "DT_BFLOAT16": (14, "float32"),
    "DT_UINT16": (17, "uint16"),
    "DT_COMPLEX128": (18, "complex128"),
    "DT_HALF": (19, "float16"),
    "DT_UINT32": (22, "uint32"),
    "DT_UINT64": (23, "uint64"),
}
_NAMES = {number: name for name, (number, _) in DTYPES.items()}


class TensorInfo(NamedTuple):
    """One input or output of a signature.

    Attributes:
        kind: its type's name in metadata, `DT_FLOAT` say.
        shape: sizes, -1 for any; None for any number of axes.
    """

    kind: str
    shape: tuple[int, ...] | None

    @classmethod
    def of_number(cls, number: int, shape: tuple[int, ...] | None) -> "TensorInfo":
        """The same with a type's number in place of its name."""
        return cls(_NAMES.get(number, f"DT_{number}"), shape)

    @property
    def dtype(self) -> np.dtype:
        """The type in NumPy; texts are objects."""
        if self.kind not in DTYPES:
            raise RequestError(f"NumPy has no type for {self.kind}.")
        return np.dtype(DTYPES[self.kind][1])


class Signature(NamedTuple):
    """What a signature takes and gives, by name.

    Attributes:
        optional: inputs that the server has a value for. REST wants all the same.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    optional: frozenset[str] = frozenset()


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
    dtype = info.dtype
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
