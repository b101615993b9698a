"""Requests to TensorFlow Serving by REST, with the standard library alone."""

import base64
import contextlib
import http.client
import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfseq.serving.client.transport import ServingError

# As the server translates its own codes.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# Those that NumPy names otherwise; it has no bfloat16, all of whose values float32 holds.
_DTYPES = {
    "DT_STRING": "object",
    "DT_HALF": "float16",
    "DT_BFLOAT16": "float32",
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
}
# What an answer raises that is not of the types that were noted.
_OTHER_TYPES = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class RestTransport:
    """Posts to `/v1/models/NAME:predict` in the columnar format."""

    def __init__(self, address: str, name: str, version: int | None, label: str | None):
        path = f"/v1/models/{urllib.parse.quote(name, safe='')}"
        if version is not None:
            path += f"/versions/{version}"
        if label is not None:
            path += f"/labels/{urllib.parse.quote(label, safe='')}"
        self._url = f"http://{address}{path}"
        self._signatures: dict[str, Any] = {}

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        """One request; strings come and go as arrays of `bytes`.

        JSON does not say of what type a number is, or that a text is one: the model's metadata do,
        which are asked for once, and again when a new version answers with other outputs, or with
        values that are not of the types of the old one.
        """
        body = {
            "signature_name": signature,
            "inputs": {key: _to_json(value) for key, value in inputs.items()},
        }
        data = json.dumps(body).encode()
        answer = self._ask(f"{self._url}:predict", data, timeout, ["outputs"])
        with contextlib.suppress(*_OTHER_TYPES):
            return _outputs(answer, self._signatures.get(signature), as_written=True)
        self._signatures = self._ask_signatures(timeout)
        try:
            return _outputs(answer, self._signatures.get(signature), as_written=False)
        except _OTHER_TYPES as error:
            raise ServingError(
                "INTERNAL",
                f"{self._url}: its metadata and its answer to {signature!r} differ: {error}",
            ) from error

    def input_shapes(self, signature: str, timeout: float) -> dict[str, list[int]]:
        """The shapes of a signature's inputs, -1 for any size."""
        self._signatures = self._ask_signatures(timeout)
        inputs = self._signatures.get(signature, {}).get("inputs")
        if inputs is None:
            raise ServingError("NOT_FOUND", f"{self._url} has no signature {signature!r}")
        return {name: _shape(info) for name, info in inputs.items()}

    def _ask_signatures(self, timeout: float) -> dict[str, Any]:
        """Signature -> `inputs` and `outputs` -> name -> type and shape, as the server says."""
        way = ["metadata", "signature_def", "signature_def"]
        return self._ask(f"{self._url}/metadata", None, timeout, way)

    def _ask(self, url: str, data: bytes | None, timeout: float, way: list[str]):
        """Post data, or get; returns what the JSON answer holds under the keys of `way`."""
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                answer = json.load(response)
            for key in way:
                answer = answer[key]
            return answer
        except urllib.error.HTTPError as error:
            with error:
                message = _error_message(error.read())
            raise ServingError(_CODES.get(error.code, "UNKNOWN"), message) from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(getattr(error, "reason", error), TimeoutError):
                raise ServingError("DEADLINE_EXCEEDED", f"none within {timeout} s") from error
            reason = getattr(error, "reason", error)
            raise ServingError("UNAVAILABLE", f"{url}: {reason}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ServingError("INTERNAL", f"{url} gave no {way[0]}: {error!r}") from error

    def close(self) -> None:
        """Nothing is kept open."""


def _to_json(array: np.ndarray) -> list:
    if array.dtype != object or array.ndim == 0:
        return array.tolist()
    return [_string(item) if isinstance(item, bytes) else _to_json(item) for item in array]


def _string(data: bytes) -> str | dict:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode("ascii")}


def _outputs(
    answer: Any, signature: Mapping[str, Any] | None, as_written: bool
) -> dict[str, np.ndarray]:
    """Output -> value, of the types that a signature's metadata give; raises where it is not.

    With `as_written`, numbers must look like their type too: `1` is no float.
    """
    known = (signature or {}).get("outputs", {})
    # An answer of one output comes without its name.
    if len(known) == 1 and not isinstance(answer, dict):
        answer = dict.fromkeys(known, answer)
    if not isinstance(answer, dict) or set(answer) != set(known):
        raise ValueError(f"the outputs are not {', '.join(known) or 'in the metadata'}")
    return {
        name: _from_json(name, value, known[name], as_written) for name, value in answer.items()
    }


def _from_json(name: str, value: Any, info: Mapping[str, Any], as_written: bool) -> np.ndarray:
    shape, kind = _shape(info), info["dtype"]
    dtype = np.dtype(_DTYPES.get(kind, kind.removeprefix("DT_").lower()))
    items = np.asarray(value, object)
    if dtype.kind == "O":
        array = np.frompyfunc(_bytes, 1, 1)(items) if items.size else items
    else:
        with np.errstate(all="ignore"):
            array = np.asarray(value, dtype)
        pairs = zip(items.ravel().tolist(), array.ravel().tolist(), strict=True)
        if not all(_is_it(written, held, as_written) for written, held in pairs):
            raise ValueError(f"{name} is not of type {info['dtype']}")
    if array.ndim < len(shape) and not array.size:
        # No row says how long rows are.
        array = array.reshape([*array.shape, *(max(d, 0) for d in shape[array.ndim :])])
    return array


def _is_it(written: Any, held: float, as_written: bool) -> bool:
    """Whether a number that stood in an answer is the one that its type holds."""
    kinds = {type(written), type(held)}
    if len(kinds) > 1 and (as_written or not kinds <= {int, float}):
        return False
    if written == held or not isinstance(held, float):
        return written == held
    if not as_written or math.isnan(written):
        return True
    # Few decimals suffice to tell the numbers of a short type apart.
    return held != 0 and math.isfinite(held) and float(f"{written:.9g}") == written


def _shape(info: Mapping[str, Any]) -> list[int]:
    return [int(dim["size"]) for dim in info["tensor_shape"].get("dim", [])]


def _bytes(text: str | dict) -> bytes:
    """A text; what is not UTF-8, or has a name that ends in `_bytes`, comes in base64."""
    return base64.b64decode(text["b64"]) if isinstance(text, dict) else text.encode()


def _error_message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
