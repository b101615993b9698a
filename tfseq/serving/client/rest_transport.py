"""Requests to TensorFlow Serving by REST, with the standard library alone."""

import contextlib
import json
import urllib.parse
from collections.abc import Mapping

import numpy as np

from tfseq.serving.client.answers import read_outputs, sent_input
from tfseq.serving.client.connections import Connections
from tfseq.serving.client.transport import Endpoint, ServingError
from tfseq.serving.wire.signature import Signature, signatures_of_json

# As the server translates its own codes; a proxy says 502 of a server that is away.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "RESOURCE_EXHAUSTED",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RestTransport:
    """Posts to `/v1/models/NAME:predict` in the columnar format."""

    def __init__(self, endpoint: Endpoint, name: str, version: int | None, label: str | None):
        path = f"{endpoint.path}/v1/models/{urllib.parse.quote(name, safe='')}"
        if version is not None:
            path += f"/versions/{version}"
        if label is not None:
            path += f"/labels/{urllib.parse.quote(label, safe='')}"
        self._path = path
        self._url = f"{'https' if endpoint.secure else 'http'}://{endpoint.address}{path}"
        self._connections = Connections(endpoint)

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        signatures: Mapping[str, Signature],
        timeout: float,
    ) -> tuple[dict[str, np.ndarray], Mapping[str, Signature]]:
        """One request; strings come and go as arrays of `bytes`.

        JSON does not say of what type a number is, or that a text is one: the model's metadata do.
        They are asked for again when a new version answers with other outputs, or with values that
        are not of the types of the old one.

        Returns:
            The outputs, and the signatures of the version that gave them.
        """
        body = {
            "signature_name": signature,
            "inputs": {key: sent_input(key, value) for key, value in inputs.items()},
        }
        data = json.dumps(body).encode()
        answer = self._ask("POST", ":predict", data, timeout, ["outputs"])
        with contextlib.suppress(ValueError):
            return read_outputs(answer, signatures[signature].outputs, as_written=True), signatures
        signatures = self.signatures(timeout)
        try:
            known = signatures[signature].outputs
            return read_outputs(answer, known, as_written=False), signatures
        except (KeyError, ValueError) as error:
            raise ServingError(
                "INTERNAL",
                f"{self._url}: its metadata and its answer to {signature!r} differ: {error}",
            ) from error

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """The model's signatures, as its metadata describe them."""
        way = ["metadata", "signature_def", "signature_def"]
        described = self._ask("GET", "/metadata", None, timeout, way)
        try:
            return signatures_of_json(described)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServingError(
                "INTERNAL", f"{self._url}/metadata describes no signatures: {error!r}"
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _ask(self, method: str, place: str, data: bytes | None, timeout: float, way: list[str]):
        """What the JSON answer holds under the keys of `way`."""
        status, reason, body = self._connections.ask(method, self._path + place, data, timeout)
        if not 200 <= status < 300:
            code = _CODES.get(status, "UNKNOWN")
            raise ServingError(code, _error_message(body) or f"HTTP {status} {reason}")
        try:
            # What is not UTF-8 is its operator's trouble, and comes out as it was.
            answer = json.loads(body.decode("utf-8", "surrogateescape"))
            for key in way:
                answer = answer[key]
            return answer
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ServingError(
                "INTERNAL",
                f"{self._url}{place} gave no {way[0]}, but {_start(body)!r}: {error!r}",
            ) from error


def _error_message(body: bytes) -> str:
    """The server's own words, or those of what stands before it."""
    try:
        said = json.loads(body)
        said = said.get("error", said.get("message", said.get("detail", said)))
        said = said.get("message", said) if isinstance(said, dict) else said
        return said if isinstance(said, str) else json.dumps(said)
    except (ValueError, AttributeError, RecursionError):
        return _start(body)


def _start(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace").strip()
