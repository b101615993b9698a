"""One server for all tests of a small language model, and one in front of it."""

from pathlib import Path

import pytest

from .running_server import running_server

pytest.importorskip("starlette", reason="starlette is not installed (extra `server`)")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (extra `server`)")


@pytest.fixture(scope="session")
def language(exported):
    """The export that is served, and its loader."""
    return exported("lstm", 1, "char")


@pytest.fixture(scope="session")
def server(language):
    with running_server(Path(language.path).parent, "--labels", "stable=1") as server:
        yield server


@pytest.fixture(scope="session")
def proxy(server):
    with running_server(f"/nowhere/{server.name}", f"--upstream={server.address}") as proxy:
        yield proxy
