"""A server put together from its options, and run."""

import asyncio
import ipaddress
import os
import re
from pathlib import Path

from tfseq.errors import InputError
from tfseq.serving.server.answers import json_answer
from tfseq.serving.server.app import make_app
from tfseq.serving.server.completions.endpoints import CompletionEndpoint
from tfseq.serving.server.completions.model_list import described_model, listed
from tfseq.serving.server.completions.sessions import LocalSessions
from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.models.served_model import ServedModel
from tfseq.serving.server.options import Limits, ServerOptions
from tfseq.serving.server.rest.endpoints import RestEndpoints
from tfseq.serving.server.rest.metrics import Metrics
from tfseq.serving.server.serve import listening_socket, serve

#: The variable of the environment that may hold the token.
TOKEN_VARIABLE = "TFSEQ_SERVER_TOKEN"
_LABEL = re.compile(r"([^=/:\s]+)=([1-9]\d{0,17})")
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
    limits = options.limits(os.cpu_count() or 1)
    # Without a token, what a browser may ask for is what this machine's own names ask for.
    hosts = _LOCAL_NAMES | {options.host} if local and token is None else None
    asyncio.run(_serve_model(options, limits, token, hosts))


async def _serve_model(
    options: ServerOptions, limits: Limits, token: str | None, hosts: frozenset[str] | None
) -> None:
    base_path = Path(options.path)
    _check_base_path(base_path)
    metrics = Metrics(base_path.resolve().name)
    model = ServedModel(
        base_path,
        limits,
        options.num_versions,
        _labels(options.labels),
        options.poll_seconds,
        metrics.count_batch,
    )
    with listening_socket(options.host, options.port) as bound:
        try:
            await model.start()
        except FaultError as fault:
            raise InputError(str(fault)) from None
        try:

            async def models(request):
                newest = model.find()
                return json_answer(
                    listed([described_model(model.name, str(newest.number), newest.signatures)])
                )

            app = make_app(
                RestEndpoints(model, limits, metrics),
                {
                    "/v1/models": models,
                    "/v1/completions": CompletionEndpoint(
                        LocalSessions(model, limits), limits, metrics
                    ),
                },
                lambda: metrics.text(model.num_waiting),
                token,
                hosts,
            )
            _announce(bound, model.name)
            await serve(app, bound, limits.drain_seconds)
        finally:
            await model.close(limits.drain_seconds)


def _announce(bound, name: str) -> None:
    host, port, *_ = bound.getsockname()
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    print(f"{name} is served at http://{place}/v1/models/{name}")


def _check_base_path(path: Path) -> None:
    if (path / "saved_model.pb").is_file():
        raise InputError(
            f"`path` must be the directory with the versions, {path.parent}. Received: {path}, "
            "a version."
        )
    if not path.is_dir():
        raise InputError(f"`path` must be a directory, exported/NAME. Received: {path}.")


def _labels(given: tuple[str, ...]) -> dict[str, int]:
    matches = [_LABEL.fullmatch(label) for label in given]
    if not all(matches):
        raise InputError(f"`labels` must be NAME=VERSION each. Received: {' '.join(given)}.")
    return {match[1]: int(match[2]) for match in matches}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
