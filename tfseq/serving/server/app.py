"""The paths of the server, who may ask, and what is answered where something goes wrong."""

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tfseq.serving.server.answers import completion_fault, fault_answer
from tfseq.serving.server.faults import FaultError, server_ends
from tfseq.serving.server.page import page as html
from tfseq.serving.server.requests import HungUpError

_LOG = logging.getLogger("tfseq.server")

Endpoint = Callable[[Request], Awaitable[Response]]
# Answered in the form of OpenAI's API.
_OPENAI = ("/v1/completions", "/v1/models")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]\\]+)(:[0-9]{0,5})?")


class Access(NamedTuple):
    """Who may ask a server.

    Attributes:
        token: what every request but that for the page must bear; None asks for nothing.
        hosts: the names by which a request may call the server; None takes any. A page from
            elsewhere, whose name is made to point here, is thus refused; and so is one that asks
            by a right name, and would not be shown the answer.
        origins: those whose pages may ask; `null` is that of a file.
    """

    token: str | None = None
    hosts: frozenset[str] | None = None
    origins: tuple[str, ...] = ()


def make_app(
    model_paths: Endpoint,
    openai_paths: dict[str, Endpoint],
    metrics: Endpoint,
    access: Access,
) -> Starlette:
    """The application.

    Args:
        model_paths: answers what is below `/v1/models/`.
        openai_paths: `/v1/models`, `/v1/completions` -> what answers it.
        metrics: answers what Prometheus asks for.
        access: who may ask.
    """

    async def page(request: Request) -> Response:
        return HTMLResponse(html(), headers={"Cache-Control": "no-cache"})

    paths = {"/": page, "/monitoring/prometheus/metrics": metrics, **openai_paths}
    paths |= {"/v1/models/{rest:path}": model_paths, "/{rest:path}": _nothing}
    guard, middleware = _guard(access), []
    if access.origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=access.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                # A page from the network may ask this machine, where it may ask at all.
                allow_private_network=True,
            )
        )
    return Starlette(
        routes=[Route(path, _AnyMethod(guard(endpoint))) for path, endpoint in paths.items()],
        middleware=middleware,
    )


class _AnyMethod:
    """An endpoint that sees every request, whatever its method: what is wrong with that is answered
    in the form of the others."""

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint

    async def __call__(self, scope, receive, send) -> None:
        response = await self._endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


async def _nothing(request: Request) -> Response:
    raise FaultError("NOT_FOUND", f"There is nothing at {_path(request)}.")


def _path(request: Request) -> str:
    """The path that the endpoint was found by. That of `request.url` is none to trust: an odd
    header `Host` changes it."""
    return request.scope["path"]


def _check_method(request: Request) -> None:
    """Raises FaultError, with the methods that there are, for one that no path has."""
    path, method = _path(request), request.method
    if path == "/v1/completions" or (path.startswith("/v1/models/") and ":" in path):
        allowed = ["POST"]
    else:
        allowed = ["GET", "HEAD"]
    of_model = path.startswith("/v1/models/") and method in ("GET", "POST")
    # Of these, TensorFlow Serving has its own to say.
    if method not in allowed and not of_model:
        raise FaultError(
            "UNIMPLEMENTED",
            f"{path} takes {' or '.join(allowed)}. Received: {method}.",
            405,
            {"Allow": ", ".join(allowed)},
        )


def _check_host(request: Request, hosts: frozenset[str]) -> None:
    host = request.headers.get("host")
    if host is None:  # Of HTTP/1.0: no browser's.
        return
    match = _HOST.fullmatch(host)
    if match is None or match[1].strip("[]").lower() not in hosts:
        raise FaultError("PERMISSION_DENIED", f"This server is not called {host!r}.")


def _check_origin(request: Request, origins: tuple[str, ...]) -> None:
    """Refuses what a page of another site asks: its browser would send it, and hide the answer from
    the page alone."""
    origin = request.headers.get("origin")
    if origin is None or "*" in origins or origin in origins:
        return
    # The browser itself says so, where a proxy on the way calls the server otherwise.
    if request.headers.get("sec-fetch-site") in ("same-origin", "none"):
        return
    scheme, _, host = origin.lower().partition("://")
    # Extensions and programs have schemes of their own.
    if scheme not in ("http", "https", "null"):
        return
    if host != request.headers.get("host", "").lower():
        raise FaultError(
            "PERMISSION_DENIED",
            f"Pages of {origin} may not ask this server; its option --allow-origin names those "
            "that may.",
        )


def _guard(access: Access) -> Callable[[Endpoint], Endpoint]:
    token, hosts = access.token, access.hosts

    def check(request: Request) -> None:
        if hosts is not None:
            _check_host(request, hosts)
            _check_origin(request, access.origins)
        if token is None or _path(request) == "/":
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
            in_form = completion_fault if _path(request) in _OPENAI else fault_answer
            try:
                check(request)
                if endpoint is not _nothing:
                    _check_method(request)
                return await endpoint(request)
            except FaultError as fault:
                return in_form(fault)
            except HungUpError:
                return Response(status_code=499)
            except asyncio.CancelledError:  # The time that it had to end in is over.
                return in_form(server_ends())
            except Exception as error:  # A fault of ours.
                _LOG.exception("%s %s", request.method, _path(request))
                return in_form(FaultError("INTERNAL", repr(error)))

        return guarded

    return guard
