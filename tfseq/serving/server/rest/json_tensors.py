"""Tensors in JSON, in TensorFlow Serving's row format and its column format."""

import base64
import binascii
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from tfseq.serving.server.faults import invalid
from tfseq.serving.server.models.signatures import Signature, TensorInfo

# NumPy's kind of a type -> the types of what JSON may hold for it.
_WRITTEN = {"O": {str, dict}, "f": {int, float}, "i": {int}, "b": {bool}}


def inputs_of(body: Any, signature: Signature) -> tuple[dict[str, np.ndarray], bool]:
    """The inputs in the body of a request, and whether it is in the row format.

    `instances` holds a value for each row, or an object of values where there are several inputs.
    `inputs` holds an object of whole tensors, or the tensor where there is one input. Raises
    FaultError where they are not those of the signature, by name, type and shape.
    """
    by_row = "instances" in body
    if by_row == ("inputs" in body):
        raise invalid("A request has either `instances` (rows) or `inputs` (columns).")
    columns = (_of_rows if by_row else _of_columns)(
        body["instances" if by_row else "inputs"], signature.inputs
    )
    inputs = {name: array_of(name, columns[name], info) for name, info in signature.inputs.items()}
    sizes = {name: array.shape[0] for name, array in inputs.items() if array.ndim}
    if signature.takes_batches and len(set(sizes.values())) > 1:
        raise invalid(f"The inputs must have equally many rows. Received: {sizes}.")
    return inputs, by_row


def answer_of(outputs: Mapping[str, np.ndarray], by_row: bool) -> dict[str, Any]:
    """The body of an answer: `predictions`, a value or object for each row, or `outputs`."""
    columns = {name: json_of(name, value) for name, value in outputs.items()}
    if not by_row:
        return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    sizes = {value.shape[:1] for value in outputs.values()}
    if len(sizes) != 1 or sizes == {()}:
        raise invalid("The outputs have not equally many rows: ask for them by `inputs`.")
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def array_of(name: str, value: Any, info: TensorInfo) -> np.ndarray:
    """A tensor from nested lists; raises FaultError where they are not of its type and shape."""
    if not info.dtype:
        raise invalid(f"`{name}` is of type DT_{info.type_name}, which is not served.")
    dtype = np.dtype(info.dtype)
    shape, items = _flattened(name, value, info.shape)
    if not set(map(type, items)) <= _WRITTEN[dtype.kind]:
        wrong = next(item for item in items if type(item) not in _WRITTEN[dtype.kind])
        raise invalid(f"`{name}` must be of type DT_{info.type_name}. Received: {_short(wrong)}.")
    if dtype.kind == "O":
        items = [_bytes(name, item) for item in items]
    try:
        array = np.empty(len(items), dtype)
        with np.errstate(over="ignore"):
            array[:] = items
    except (OverflowError, ValueError):
        raise invalid(f"`{name}` has numbers beyond DT_{info.type_name}.") from None
    return array.reshape(shape)


def json_of(name: str, value: np.ndarray) -> Any:
    """A tensor as nested lists."""
    if value.dtype != object or not value.size:
        return value.tolist()
    # JSON is UTF-8: other bytes come as U+FFFD, but under a name that says so, whole.
    change = _base64 if name.endswith("_bytes") else _text
    return np.frompyfunc(change, 1, 1)(value).tolist()


def _of_columns(inputs: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Any]:
    if isinstance(inputs, dict) and not _is_base64(inputs):
        _check_names(inputs, infos, "`inputs`")
        return inputs
    if len(infos) != 1:
        raise invalid(f"`inputs` must be an object with {_listed(infos)}.")
    return dict.fromkeys(infos, inputs)


def _of_rows(instances: Any, infos: Mapping[str, TensorInfo]) -> dict[str, list]:
    if not isinstance(instances, list) or not instances:
        raise invalid("`instances` must be a list of at least one row.")
    if all(isinstance(row, dict) and not _is_base64(row) for row in instances):
        for number, row in enumerate(instances):
            _check_names(row, infos, f"Row {number} of `instances`")
        return {name: [row[name] for row in instances] for name in infos}
    if len(infos) != 1:
        raise invalid(f"Each of `instances` must be an object with {_listed(infos)}.")
    return dict.fromkeys(infos, instances)


def _check_names(given: Mapping, infos: Mapping, what: str) -> None:
    if missing := [name for name in infos if name not in given]:
        raise invalid(f"{what} must have {_listed(infos)}. Missing: {_listed(missing)}.")
    if unknown := [name for name in given if name not in infos]:
        raise invalid(f"{what} must have {_listed(infos)}. Unknown: {_listed(unknown)}.")


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _flattened(name: str, value: Any, shape: tuple | None) -> tuple[list[int], list]:
    """The shape of nested lists, and what they hold."""
    if shape is None:  # Of any rank: what the first entries say.
        shape, entry = [], value
        while isinstance(entry, list):
            shape.append(None)
            entry = entry[0] if entry else None
    sizes, items = [], [value]
    for axis, expected in enumerate(shape):
        if not all(type(item) is list for item in items):
            raise invalid(f"`{name}` must have {len(shape)} dimensions, and has {axis}.")
        lengths = {*map(len, items)} or {expected or 0}
        if len(lengths) > 1:
            raise invalid(f"`{name}` must have lists of one length. Received: {sorted(lengths)}.")
        (size,) = lengths
        if expected not in (None, size):
            raise invalid(
                f"`{name}` must have {expected} entries in dimension {axis}, and has {size}."
            )
        sizes.append(size)
        items = list(chain.from_iterable(items))
    if any(type(item) is list for item in items):
        raise invalid(f"`{name}` must have {len(shape)} dimensions, and has more.")
    return sizes, items


def _is_base64(value: dict) -> bool:
    return value.keys() == {"b64"}


def _bytes(name: str, item: str | dict) -> bytes:
    try:
        if isinstance(item, str):
            return item.encode()
        if _is_base64(item):
            return base64.b64decode(item["b64"], validate=True)
    except UnicodeEncodeError:
        raise invalid(f"`{name}` has half a surrogate pair, which is no character.") from None
    except (binascii.Error, TypeError, ValueError):
        pass
    raise invalid(f'`{name}` must be texts, or {{"b64": "..."}} in base64. {_short(item)} is not.')


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _base64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode("ascii")}
