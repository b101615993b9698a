"""The socket that the local server listens at, and the token that it asks for."""

import socket

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed (extra `server`)")

from tfseq.errors import InputError
from tfseq.serving.server.options import ServerOptions
from tfseq.serving.server.run import run_server
from tfseq.serving.server.serve import listening_socket


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_answers_are_not_held_back(host):
    """asyncio turns Nagle's algorithm off only for a socket that says that it is TCP; with it, each
    answer waits 40 ms for an acknowledgement."""
    with listening_socket(host, 0) as bound:
        assert bound.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("token", ["né", " sesame", "sesame\n", "\u200bsesame"])
def test_a_token_that_no_request_can_carry_is_refused(token):
    """It would be asked for, and never be right."""
    with pytest.raises(InputError, match="`token`, or TFSEQ_SERVER_TOKEN, must be signs of ASCII"):
        run_server(ServerOptions(path="exported/none", token=token))
