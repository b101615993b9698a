"""A server that runs until it is told to end."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable

import uvicorn

from tfseq.errors import InputError


class _Server(uvicorn.Server):
    """Ends well at SIGTERM and SIGINT: it listens no more, and finishes what it has begun."""

    @contextlib.contextmanager
    def capture_signals(self):
        loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that has an address; raises InputError where it cannot be had."""
    try:
        ((family, kind, protocol, _, address), *_) = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # With its protocol: asyncio sends at once only where it knows that it is TCP. Else the
        # second part of an answer waits until the first is acknowledged, 40 ms.
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise InputError(
            f"`host` and `port` must be an address of this machine that is free. "
            f"Received: {host}:{port}, {error.strerror}."
        ) from None
    return bound


async def serve(app: Callable, bound: socket.socket, drain_seconds: float) -> None:
    """Answer requests until SIGTERM or SIGINT; a second SIGINT ends at once.

    Args:
        app: an ASGI application.
        bound: where to listen.
        drain_seconds: what is not answered so long after the signal is given up.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=max(1, round(drain_seconds)),
    )
    await _Server(config).serve([bound])
