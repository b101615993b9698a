"""Bodies of requests and answers, in TensorFlow Serving's row format and its column format."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfseq.serving.server.faults import invalid
from tfseq.serving.wire.json_tensors import as_base64, from_json, is_base64, to_json
from tfseq.serving.wire.signature import Signature, TensorInfo

# Those that the loader takes.
_SERVED = frozenset(f"DT_{name}" for name in "FLOAT DOUBLE INT32 STRING INT64 BOOL".split())


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
    for name, info in signature.inputs.items():
        if info.kind not in _SERVED:
            raise invalid(f"`{name}` is of type {info.kind}, which is not served.")
    try:
        inputs = {n: from_json(n, columns[n], info) for n, info in signature.inputs.items()}
    except ValueError as error:
        raise invalid(str(error)) from None
    sizes = {name: array.shape[0] for name, array in inputs.items() if array.ndim}
    if signature.takes_batches and len(set(sizes.values())) > 1:
        raise invalid(f"The inputs must have equally many rows. Received: {sizes}.")
    return inputs, by_row


def answer_of(outputs: Mapping[str, np.ndarray], by_row: bool) -> dict[str, Any]:
    """The body of an answer: `predictions`, a value or object for each row, or `outputs`."""
    columns = {name: to_json(value, _writer(name)) for name, value in outputs.items()}
    if not by_row:
        return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    sizes = {value.shape[:1] for value in outputs.values()}
    if len(sizes) != 1 or sizes == {()}:
        raise invalid("The outputs have not equally many rows: ask for them by `inputs`.")
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}


def _of_columns(inputs: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Any]:
    if isinstance(inputs, dict) and not is_base64(inputs):
        _check_names(inputs, infos, "`inputs`")
        return inputs
    if len(infos) != 1:
        raise invalid(f"`inputs` must be an object with {_listed(infos)}.")
    return dict.fromkeys(infos, inputs)


def _of_rows(instances: Any, infos: Mapping[str, TensorInfo]) -> dict[str, list]:
    if not isinstance(instances, list) or not instances:
        raise invalid("`instances` must be a list of at least one row.")
    if all(isinstance(row, dict) and not is_base64(row) for row in instances):
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


def _writer(name: str) -> Callable[[bytes], Any]:
    """JSON is UTF-8: other bytes come as U+FFFD, but under a name that says so, whole."""
    return as_base64 if name.endswith("_bytes") else lambda data: data.decode("utf-8", "replace")
