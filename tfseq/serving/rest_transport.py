"""Requests to TensorFlow Serving by REST, with the standard library alone."""

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

import numpy as np

from tfseq.serving.transport import ServingError

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
_DTYPES = {"num_tokens": "int32", "token_ids": "int32"}
_STRINGS = {"text", "texts", "completion", "warning", "tokens"}
# An answer of one output comes without its name.
_ONLY_OUTPUT = {"serving_default": "text", "decode": "text"}


class RestTransport:
    """Posts to `/v1/models/NAME:predict` in the columnar format.

    Args:
        address: `HOST:PORT`.
        model_name, version, version_label: which model; see `tfseq.serving.Client`.
    """

    def __init__(
        self, address: str, model_name: str, version: int | None, version_label: str | None
    ):
        path = f"/v1/models/{urllib.parse.quote(model_name, safe='')}"
        if version is not None:
            path += f"/versions/{version}"
        if version_label is not None:
            path += f"/labels/{urllib.parse.quote(version_label, safe='')}"
        self._url = f"http://{address}{path}"

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        """One request; strings come and go as arrays of `bytes`."""
        body = {
            "signature_name": signature,
            "inputs": {key: _to_json(value) for key, value in inputs.items()},
        }
        data = json.dumps(body).encode()
        outputs = self._ask(f"{self._url}:predict", data, timeout, ["outputs"])
        if signature in _ONLY_OUTPUT:
            outputs = {_ONLY_OUTPUT[signature]: outputs}
        return {key: _from_json(key, value) for key, value in outputs.items()}

    def input_shapes(self, signature: str, timeout: float) -> dict[str, list[int]]:
        """The shapes of a signature's inputs, -1 for any size."""
        way = ["metadata", "signature_def", "signature_def", signature, "inputs"]
        inputs = self._ask(f"{self._url}/metadata", None, timeout, way)
        return {
            name: [int(dim["size"]) for dim in info["tensor_shape"]["dim"]]
            for name, info in inputs.items()
        }

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
    if array.dtype != object:
        return array.tolist()
    return [_string(item) if isinstance(item, bytes) else _to_json(item) for item in array]


def _string(data: bytes) -> str | dict:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode("ascii")}


def _from_json(name: str, value: list) -> np.ndarray:
    if name not in _STRINGS:
        return np.asarray(value, _DTYPES.get(name, "float32"))
    strings = np.asarray(value, object)
    return np.frompyfunc(str.encode, 1, 1)(strings) if strings.size else strings


def _error_message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
