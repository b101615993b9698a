"""Answers in JSON."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from tfseq.serving.server.faults import FaultError


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; NaN and infinities stand in it as NaN and Infinity, as the server's do."""
    data = json.dumps(body, ensure_ascii=False, separators=(", ", ": ")).encode()
    return Response(data, status, headers, "application/json")


def fault_answer(fault: FaultError) -> Response:
    """What TensorFlow Serving answers where it cannot."""
    return json_answer({"error": str(fault)}, fault.http_status, _headers(fault))


def completion_fault(fault: FaultError) -> Response:
    """The same in the form of OpenAI's API."""
    return json_answer(completion_error(fault), fault.http_status, _headers(fault))


def completion_error(fault: FaultError) -> dict[str, Any]:
    """The object that stands for a fault in OpenAI's API, also in a stream."""
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    usual = "invalid_request_error" if fault.http_status < 500 else "server_error"
    return {
        "error": {
            "message": str(fault),
            "type": kinds.get(fault.http_status, usual),
            "param": getattr(fault, "param", None),
            "code": fault.code.lower(),
        }
    }


def _headers(fault: FaultError) -> dict[str, str]:
    headers = dict(fault.headers)
    if fault.http_status in (429, 503):
        headers["Retry-After"] = "1"
    if fault.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if fault.http_status in (408, 413):
        headers["Connection"] = "close"
    return headers
