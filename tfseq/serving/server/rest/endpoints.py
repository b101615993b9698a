"""The paths below `/v1/models/NAME`, as TensorFlow Serving answers them."""

import re
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from tfseq.serving.server.answers import json_answer
from tfseq.serving.server.faults import FaultError, invalid
from tfseq.serving.server.model_list import described_model
from tfseq.serving.server.models.served_model import ServedModel
from tfseq.serving.server.models.version import Version
from tfseq.serving.server.options import Limits
from tfseq.serving.server.requests import read_object, while_connected
from tfseq.serving.server.rest.bodies import answer_of, inputs_of
from tfseq.serving.server.rest.metrics import Metrics

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<what>:[a-z]+|/metadata)?"
)
# Of a number of 64 bits.
_MOST_DIGITS = 19


class RestEndpoints:
    """Status, metadata and predictions of one model."""

    def __init__(self, model: ServedModel, limits: Limits, metrics: Metrics):
        self._model, self._limits, self._metrics = model, limits, metrics

    async def __call__(self, request: Request) -> Response:
        """Answer a request for any of the paths."""
        # As it was sent: a name may have any sign in it.
        path = request.scope["raw_path"].decode("ascii")
        place = _PATH.fullmatch(path)
        method = "POST" if place and (place["what"] or "").startswith(":") else "GET"
        if place is None or request.method not in (method, *(["HEAD"] * (method == "GET"))):
            raise invalid(f"Malformed request: {request.method} {path}")
        name, label = unquote(place["name"]), place["label"] and unquote(place["label"])
        which = _number(place["version"]), label
        if place["what"] is None:
            return json_answer(self._status(name, *which))
        if place["what"] == "/metadata":
            return json_answer(self._metadata(self._find(name, *which)))
        if place["what"] != ":predict":
            raise invalid(f"Only `:predict` is served. Received: `{place['what']}`.")
        return await self._predict(request, name, *which)

    def _find(self, name: str, number: int | None, label: str | None) -> Version:
        if name != self._model.name:
            which = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise FaultError("NOT_FOUND", f"Servable not found for request: {which}")
        return self._model.find(number, label)

    async def _predict(
        self, request: Request, name: str, number: int | None, label: str | None
    ) -> Response:
        with self._metrics.counted("predict"):
            body = await read_object(request, self._limits)
            version = self._find(name, number, label)
            wanted = body.get("signature_name", "")
            if not isinstance(wanted, str):
                raise invalid(f"`signature_name` must be a text. Received: {wanted!r}.")
            wanted = wanted or "serving_default"
            signature = version.signatures.get(wanted)
            if signature is None:
                raise invalid(f"Serving signature name: {wanted!r} not found in signature def")
            inputs, by_row = inputs_of(body, signature)
            work = version.predict(wanted, inputs, self._limits.timeout)
            # From here on, not from when the work begins: a new version may come between.
            with version.in_use():
                outputs = await while_connected(request, work)
            return json_answer(answer_of(outputs, by_row))

    def _status(self, name: str, number: int | None, label: str | None) -> dict[str, Any]:
        if label is not None:
            number = self._find(name, None, label).number
        versions = [v for v in self._model.versions() if number in (None, v.number)]
        if name != self._model.name or not versions:
            what = "any versions" if number is None else f"version {number}"
            raise FaultError("NOT_FOUND", f"Could not find {what} of model {name}")
        newest = [v for v in versions if v.is_available][:1] if number is None else []
        # OpenAI's clients ask for a model by the same path.
        also = [described_model(name, str(v.number), v.signatures) for v in newest]
        return dict(*also) | {
            "model_version_status": [
                {
                    "version": str(version.number),
                    "state": version.state,
                    "status": {
                        "error_code": version.fault.code if version.fault else "OK",
                        "error_message": str(version.fault or ""),
                    },
                }
                for version in versions
            ]
        }

    def _metadata(self, version: Version) -> dict[str, Any]:
        described = {
            name: {
                "inputs": {key: info.as_json() for key, info in signature.inputs.items()},
                "outputs": {key: info.as_json() for key, info in signature.outputs.items()},
                "method_name": signature.method_name,
                "defaults": {},
            }
            for name, signature in version.signatures.items()
        }
        return {
            "model_spec": {
                "name": self._model.name,
                "signature_name": "",
                "version": str(version.number),
            },
            "metadata": {"signature_def": {"signature_def": described}},
        }


def _number(digits: str | None) -> int | None:
    if digits is not None and len(digits) > _MOST_DIGITS:
        raise invalid(f"Failed to convert version: {digits[:80]} to numeric.")
    return None if digits is None else int(digits)
