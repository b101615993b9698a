"""The paths of the server, who may ask, and what is answered where something goes wrong."""

import hmac
import importlib.util
import logging
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tfseq.serving.server.answers import completion_fault, fault_answer
from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.requests import HungUpError

_LOG = logging.getLogger("tfseq.server")

Endpoint = Callable[[Request], Awaitable[Response]]
# The package that makes the page, by its function `page`.
_PAGE = "tfseq.serving.server.page"
# Answered in the form of OpenAI's API.
_OPENAI = ("/v1/completions", "/v1/models")


def make_app(
    model_paths: Endpoint,
    openai_paths: dict[str, Endpoint],
    metrics: Endpoint,
    token: str | None,
    hosts: frozenset[str] | None,
) -> Starlette:
    """The application.

    Args:
        model_paths: answers what is below `/v1/models/`.
        openai_paths: `/v1/models`, `/v1/completions` -> what answers it.
        metrics: answers what Prometheus asks for.
        token: what every request but that for the page must bear; None asks for nothing.
        hosts: the names by which a request may call the server; None takes any. A page from
            elsewhere, whose name is made to point here, is thus refused.
    """

    async def page(request: Request) -> Response:
        if importlib.util.find_spec(_PAGE) is None:
            raise FaultError("NOT_FOUND", "This server has no page.")
        html = importlib.import_module(_PAGE).page()
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    async def nothing(request: Request) -> Response:
        raise FaultError("NOT_FOUND", f"There is nothing at {request.url.path}.")

    guard = _guard(token, hosts)
    routes = {"/": (page, ["GET"]), "/monitoring/prometheus/metrics": (metrics, ["GET"])}
    for path, endpoint in openai_paths.items():
        routes[path] = endpoint, ["POST" if path.endswith("completions") else "GET"]
    routes["/v1/models/{rest:path}"] = model_paths, ["GET", "POST"]
    routes["/{rest:path}"] = nothing, ["GET", "POST"]
    return Starlette(
        routes=[
            Route(path, guard(endpoint), methods=methods)
            for path, (endpoint, methods) in routes.items()
        ]
    )


def _guard(token: str | None, hosts: frozenset[str] | None) -> Callable[[Endpoint], Endpoint]:
    def check(request: Request) -> None:
        if hosts is not None and request.url.hostname not in hosts:
            raise FaultError(
                "PERMISSION_DENIED", f"This server is not called {request.url.hostname!r}."
            )
        if token is None or request.url.path == "/":
            return
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode(), token.encode()
        ):
            raise FaultError(
                "UNAUTHENTICATED", "The header `Authorization: Bearer TOKEN` is missing or wrong."
            )

    def guard(endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            in_form = completion_fault if request.url.path in _OPENAI else fault_answer
            try:
                check(request)
                return await endpoint(request)
            except FaultError as fault:
                return in_form(fault)
            except HungUpError:
                return Response(status_code=499)
            except Exception as error:  # A fault of ours.
                _LOG.exception("%s %s", request.method, request.url.path)
                return in_form(FaultError("INTERNAL", repr(error)))

        return guarded

    return guard
