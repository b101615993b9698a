"""A server put together from its options, and run."""

import asyncio
import ipaddress
import os
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from tfseq.errors import InputError
from tfseq.serving.server.answers import json_answer
from tfseq.serving.server.app import Access, Endpoint, make_app
from tfseq.serving.server.completions.endpoints import CompletionEndpoint
from tfseq.serving.server.completions.sessions import LocalSessions
from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.model_list import described_model, listed
from tfseq.serving.server.models.served_model import ServedModel
from tfseq.serving.server.options import Limits, ServerOptions
from tfseq.serving.server.rest.endpoints import RestEndpoints
from tfseq.serving.server.rest.metrics import Metrics
from tfseq.serving.server.serve import listening_socket, serve
from tfseq.serving.server.upstream import Upstream
from tfseq.serving.wire.signature import Signature

#: The variable of the environment that may hold the token.
TOKEN_VARIABLE = "TFSEQ_SERVER_TOKEN"
_LABEL = re.compile(r"([^=/:\s]+)=([1-9]\d{0,17})")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}")
_ORIGIN = re.compile(r"\*|null|https?://(\[[0-9A-Fa-f:.]+\]|[^\s:/?#\[\]]+)(:[0-9]{1,5})?")
_TOKEN = re.compile(r"[!-~]([ -~]*[!-~])?")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def run_server(options: ServerOptions) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises InputError where an option breaks a rule, or there is nothing to serve.
    """
    token = options.token or os.environ.get(TOKEN_VARIABLE) or None
    local = _is_loopback(options.host)
    if not local and token is None:
        raise InputError(
            f"`host` {options.host} can be reached from other machines and needs a `token`, here "
            f"or in the environment variable {TOKEN_VARIABLE}."
        )
    if token is not None and not _TOKEN.fullmatch(token):
        raise InputError(
            f"`token`, or {TOKEN_VARIABLE}, must be signs of ASCII, without a space at its ends: a "
            "request cannot carry another."
        )
    # Without a token, what a browser may ask for is what this machine's own names ask for.
    hosts = _LOCAL_NAMES | {options.host} if local and token is None else None
    access = Access(token, hosts, _origins(options.allow_origin))
    # Names and labels are checked before anything is started.
    start = _start_proxy if options.upstream is not None else _start_model
    asyncio.run(start(options, lambda *paths: make_app(*paths, access)))


async def _start_model(options: ServerOptions, make: Callable) -> None:
    base_path, labels = Path(options.path), _labels(options.labels)
    _check_base_path(base_path)
    metrics = Metrics(base_path.resolve().name)
    model = ServedModel(
        base_path, options, options.num_versions, labels, options.poll_seconds, metrics.count_batch
    )

    async def describe() -> tuple[str, dict[str, Signature]]:
        newest = model.find()
        return str(newest.number), newest.signatures

    async def metrics_text(request: Request) -> Response:
        text = metrics.text(model.num_waiting)
        return Response(text, media_type="text/plain; version=0.0.4")

    app = make(
        RestEndpoints(model, options, metrics),
        _openai_paths(model.name, describe, LocalSessions(model, options), options, metrics),
        metrics_text,
    )
    with listening_socket(options.host, options.port) as bound:
        try:
            await model.start()
        except FaultError as fault:
            raise InputError(str(fault)) from None
        try:
            _announce(bound, model.name)
            await serve(app, bound, options.drain_seconds)
        finally:
            await model.close(options.drain_seconds)


async def _start_proxy(options: ServerOptions, make: Callable) -> None:
    if not _ADDRESS.fullmatch(options.upstream):
        raise InputError(f"`upstream` must be HOST:PORT. Received: {options.upstream}.")
    name = Path(options.path).resolve().name
    upstream, metrics = Upstream(options.upstream, name, options), Metrics(name)
    app = make(
        upstream.pass_on,
        _openai_paths(name, upstream.describe, upstream, options, metrics),
        upstream.pass_on,
    )
    with listening_socket(options.host, options.port) as bound:
        try:
            _announce(bound, name)
            await serve(app, bound, options.drain_seconds)
        finally:
            await upstream.close()


def _openai_paths(
    name: str,
    describe: Callable[[], Awaitable[tuple[str, dict[str, Signature]]]],
    sessions: Any,
    limits: Limits,
    metrics: Metrics,
) -> dict[str, Endpoint]:
    async def models(request: Request) -> Response:
        return json_answer(listed([described_model(name, *await describe())]))

    return {
        "/v1/models": models,
        "/v1/completions": CompletionEndpoint(sessions, limits, metrics),
    }


def _announce(bound: socket.socket, name: str) -> None:
    host, port, *_ = bound.getsockname()
    # Whoever reads this may ask at once: what comes before the server is ready waits.
    bound.listen()
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    print(f"{name} is served at http://{place}/v1/models/{quote(name)}", flush=True)


def _check_base_path(path: Path) -> None:
    if (path / "saved_model.pb").is_file():
        raise InputError(
            f"{path} is a version; give the directory with the versions, {path.parent}."
        )
    if not path.is_dir():
        raise InputError(
            f"{path} is not a directory. Give exported/NAME, which holds the versions."
        )


def _labels(given: tuple[str, ...]) -> dict[str, int]:
    matches = [_LABEL.fullmatch(label) for label in given]
    if not all(matches):
        raise InputError(f"`labels` must be NAME=VERSION each. Received: {' '.join(given)}.")
    return {match[1]: int(match[2]) for match in matches}


def _origins(given: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [origin for origin in given if not _ORIGIN.fullmatch(origin)]
    if wrong:
        raise InputError(
            "`allow_origin` must be https://HOST or http://HOST, with a port where there is one, "
            f"null or *. Received: {wrong[0]}."
        )
    return given


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
