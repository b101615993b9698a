import hashlib
import pwd
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tfseq.errors import InputError
from tfseq.text import CharTokenizer, cache_directory, open_corpus
from tfseq.text.corpora import named_corpora
from tfseq.text.corpora.downloads import download

TEXT = b"The Time Machine\n" * 1000
DIGEST = hashlib.sha256(TEXT).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/missing.txt":
            self.send_error(404)
            return
        body = {"/text.txt": TEXT, "/other.txt": b"other", "/cut.txt": TEXT[:100]}[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(TEXT if self.path == "/cut.txt" else body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.requests = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_once(server, tmp_path):
    path = tmp_path / "new" / "text.txt"
    for _ in range(2):
        assert download(f"{server.url}/text.txt", DIGEST, path) == path
        assert path.read_bytes() == TEXT
    assert server.requests == ["/text.txt"]
    assert [file.name for file in path.parent.iterdir()] == ["text.txt"]


def test_a_damaged_copy_is_fetched_again(server, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT[:-1])
    download(f"{server.url}/text.txt", DIGEST, path)
    assert path.read_bytes() == TEXT


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "other.txt",
            rf"other\.txt has changed: its SHA-256 must be {DIGEST}\. Received",
        ),
        ("cut.txt", r"cut\.txt "),
        ("missing.txt", r"missing\.txt cannot be downloaded to .*text\.txt: Not Found\."),
    ],
)
def test_a_failed_download_leaves_nothing(server, tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        download(f"{server.url}/{name}", DIGEST, tmp_path / "text.txt")
    assert list(tmp_path.iterdir()) == []


def test_no_server(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match=r"cannot be downloaded to .*: .*Connection refused"):
        download(f"{server.url}/text.txt", DIGEST, tmp_path / "text.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be downloaded to .*: File exists"):
        download(f"{server.url}/text.txt", DIGEST, tmp_path / "file" / "text.txt")


def test_a_named_corpus_is_downloaded_into_the_cache(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TFSEQ_CACHE", str(tmp_path / "cache"))
    source = (f"{server.url}/text.txt", DIGEST, "timemachine.txt")
    monkeypatch.setitem(named_corpora.DOWNLOADS, "time_machine", source)
    corpus = open_corpus("time_machine")
    assert corpus.name == "time_machine"
    assert "".join(corpus.chunks(CharTokenizer())).encode() == TEXT
    assert (tmp_path / "cache" / "corpora" / "timemachine.txt").read_bytes() == TEXT


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TFSEQ_CACHE": "/one", "XDG_CACHE_HOME": "/two", "HOME": "/three"}, "/one"),
        ({"XDG_CACHE_HOME": "/two", "HOME": "/three"}, "/two/tfseq"),
        ({"TFSEQ_CACHE": "~/four", "HOME": "/three"}, "/three/four"),
        ({"XDG_CACHE_HOME": "", "HOME": "/three"}, "/three/.cache/tfseq"),
    ],
)
def test_cache_directory(monkeypatch, variables, expected):
    for name in ("TFSEQ_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_directory() == Path(expected)


def test_a_user_without_a_home(monkeypatch):
    """As one whose number is all that a container knows."""

    def unknown(number):
        raise KeyError(number)

    for name in ("TFSEQ_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(InputError, match="environment variable TFSEQ_CACHE"):
        cache_directory()
    monkeypatch.setenv("TFSEQ_CACHE", "/cache")
    assert cache_directory() == Path("/cache")
