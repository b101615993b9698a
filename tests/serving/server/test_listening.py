"""The socket that the local server listens at."""

import socket

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed (extra `server`)")

from tfseq.serving.server.serve import listening_socket


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_answers_are_not_held_back(host):
    """asyncio turns Nagle's algorithm off only for a socket that says that it is TCP; with it, each
    answer waits 40 ms for an acknowledgement."""
    with listening_socket(host, 0) as bound:
        assert bound.proto == socket.IPPROTO_TCP
