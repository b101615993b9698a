"""A TensorFlow Serving elsewhere, in front of which this server stands."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from tfseq.serving.server.answers import json_answer
from tfseq.serving.server.completions.sessions import (
    Knowledge,
    Session,
    check_language_model,
)
from tfseq.serving.server.faults import HTTP_STATUS, FaultError
from tfseq.serving.server.model_list import described_model
from tfseq.serving.server.options import Limits
from tfseq.serving.server.requests import read_body, while_connected
from tfseq.serving.wire.json_tensors import from_json, to_json
from tfseq.serving.wire.signature import Signature, signatures_of_json

_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())}
# Of an answer, what is passed on beside its content.
_PASSED_ON = ("content-type", "retry-after")
_MOST_KNOWN = 8


class Upstream:
    """The REST API of a TensorFlow Serving that has the model.

    Args:
        address: HOST:PORT.
        name: the model's name there.
        limits: see `Limits`.
    """

    def __init__(self, address: str, name: str, limits: Limits):
        self.name = name
        self._limits = limits
        self._path = f"/v1/models/{quote(name, safe='')}"
        self._known: dict[str, Knowledge] = {}
        self._num_open = 0
        self._client = httpx.AsyncClient(
            base_url=f"http://{address}",
            timeout=limits.timeout,
            limits=httpx.Limits(max_connections=limits.max_queue),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def pass_on(self, request: Request) -> Response:
        """Ask the same of the other server, and answer what it answers."""
        data = await read_body(request, self._limits)
        path = request.scope["raw_path"].decode("ascii")
        with self._room():
            answer = await while_connected(request, self._ask(request.method, path, data))
        if answer.status_code == 200 and path == self._path:
            with contextlib.suppress(ValueError, TypeError):
                version, signatures = await self.describe()
                return json_answer(described_model(self.name, version, signatures) | answer.json())
        headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
        return Response(answer.content, answer.status_code, headers)

    async def describe(self) -> tuple[str, dict[str, Signature]]:
        """The newest version, and its signatures."""
        answer = await self._json("GET", f"{self._path}/metadata")
        try:
            described = answer["metadata"]["signature_def"]["signature_def"]
            return str(answer["model_spec"]["version"]), signatures_of_json(described)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FaultError("INTERNAL", f"The metadata of {self.name}: {error!r}.") from error

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Session]:
        """The newest version, which every request until the end of the `with` asks."""
        with self._room():
            yield await self._session()

    @contextlib.contextmanager
    def _room(self) -> Iterator[None]:
        """For one request more, or one text."""
        if self._num_open >= self._limits.max_queue:
            raise FaultError(
                "RESOURCE_EXHAUSTED", f"{self._num_open} requests are waiting already."
            )
        self._num_open += 1
        try:
            yield
        finally:
            self._num_open -= 1

    async def _session(self) -> "_UpstreamSession":
        version, signatures = await self.describe()
        check_language_model(self.name, signatures)
        if version not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[version] = Knowledge()
        return _UpstreamSession(version, signatures, self._known[version], self)

    async def predict(
        self, version: str, name: str, signature: Signature, inputs: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The outputs of one signature of one version."""
        body = {
            "signature_name": name,
            "inputs": {key: to_json(value) for key, value in inputs.items()},
        }
        path = f"{self._path}/versions/{version}:predict"
        answer = await self._json("POST", path, json.dumps(body).encode())
        infos = signature.outputs
        outputs = answer.get("outputs")
        if len(infos) == 1:
            outputs = dict.fromkeys(infos, outputs)
        try:
            return {key: from_json(key, outputs[key], info) for key, info in infos.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise FaultError("INTERNAL", f"The answer of {self.name}: {error!r}.") from error

    async def _json(self, method: str, path: str, data: bytes = b"") -> dict[str, Any]:
        answer = await self._ask(method, path, data)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            body = {"error": f"The server behind this one answered {answer.text[:200]!r}."}
        if answer.status_code != 200 or "error" in body:
            code = _CODES.get(answer.status_code, "INTERNAL")
            raise FaultError(code, str(body.get("error")))
        return body

    async def _ask(self, method: str, path: str, data: bytes) -> httpx.Response:
        for last in (False, True):
            try:
                return await self._client.request(method, path, content=data)
            except httpx.TimeoutException:
                raise FaultError(
                    "DEADLINE_EXCEEDED", f"No answer within {self._limits.timeout:g} s."
                ) from None
            except httpx.HTTPError as error:
                # A connection that was kept may have been closed meanwhile; asking twice does
                # no harm.
                if last:
                    message = f"The server behind this one does not answer: {error!r}."
                    raise FaultError("UNAVAILABLE", message) from None
        raise AssertionError


@dataclass
class _UpstreamSession:
    version: str
    signatures: Mapping[str, Signature]
    knowledge: Knowledge
    _upstream: Upstream

    async def predict(self, signature: str, inputs: dict[str, np.ndarray]) -> dict:
        known = self.signatures[signature]
        return await self._upstream.predict(self.version, signature, known, inputs)
