"""What is said where a cluster cannot be used, before any work."""

import contextlib
import http.server
import socket
import sys
import threading
from types import SimpleNamespace

import pytest

import tfseq
from tfseq.analysis.corpus_statistics_options import CorpusStatisticsOptions
from tfseq.analysis.corpus_statistics_results import run_corpus_statistics
from tfseq.cluster import file_check, node_check
from tfseq.cluster.connection import check_address
from tfseq.cluster.file_check import check_files
from tfseq.cluster.node_check import check_nodes, versions
from tfseq.errors import InputError
from tfseq.options.command_line import run


@pytest.fixture
def ray():
    return pytest.importorskip("ray", reason="the extra `scale` is not installed")


@pytest.fixture
def silent():
    """The address of what takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def web_server():
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r'`cluster` needs Ray.*pip install "tfseq\[scale\]"'):
        check_address("auto")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nowhere", "must be auto, or host:port. Received: 'nowhere'"),
        ("host:", "must be auto, or host:port"),
        ("host:70000", "must be auto, or host:port"),
        ("host:٣", "must be auto, or host:port"),
        ("ray://host:10001", "the script runs on a machine of the cluster"),
        ("127.0.0.1:1", "no Ray cluster answers there: Connection refused"),
    ],
)
def test_an_address_that_is_none(ray, address, words):
    with pytest.raises(InputError) as raised:
        check_address(address)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_script_says_it_before_any_work(ray, tmp_path, capsys, monkeypatch):
    words = [f"--run-dir={tmp_path / 'run'}", "--cluster=127.0.0.1:1", "--corpus=python_docs"]
    monkeypatch.setattr(sys, "argv", ["train_language_model.py", *words])
    with pytest.raises(SystemExit) as ended:
        run(tfseq.LanguageModelOptions, tfseq.train)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: `--cluster` 127.0.0.1:1: no Ray cluster")
    assert not [*tmp_path.iterdir()]


def test_what_answers_is_not_ray(ray, silent, web_server, monkeypatch):
    monkeypatch.setattr("tfseq.cluster.connection._SECONDS", 0.3)
    with pytest.raises(InputError, match="timed out"):
        check_address(silent)
    with pytest.raises(InputError, match="what answers there is not Ray"):
        check_address(web_server)


def test_the_variable_of_ray_is_named(ray, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(InputError, match="the environment variable RAY_ADDRESS"):
        check_address("auto")


def test_an_address_that_a_killed_cluster_has_left_is_none(ray, monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    tmp_path.joinpath("current").write_text("127.0.0.1:1")
    monkeypatch.setattr("tfseq.cluster.connection._CURRENT", tmp_path / "current")
    check_address("auto")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"tfseq": "0.0.1"}, "the node 10.0.0.9 has tfseq 0.0.1, and this process"),
        ({"Python": "2.7"}, "the node 10.0.0.9 has Python 2.7, and this process 3."),
        ({"TensorFlow": "1.0"}, "has TensorFlow 1.0"),
        (ModuleNotFoundError("No module named 'tfseq'"), "cannot run tfseq: No module named"),
    ],
)
def test_a_node_with_other_versions(monkeypatch, found, words):
    there = found if isinstance(found, Exception) else {**versions(), **found}
    answers = {"10.0.0.8": versions(), "10.0.0.9": there}
    monkeypatch.setattr(node_check, "on_every_node", lambda function: answers)
    with pytest.raises(InputError) as raised:
        check_nodes()
    assert words in str(raised.value)


def test_a_node_without_a_file(monkeypatch, tmp_path):
    path = tmp_path / "{0}{a.txt"
    path.write_text("one")

    def elsewhere(change):
        def ask(look):
            change()
            return {"10.0.0.9": look()}

        monkeypatch.setattr(file_check, "on_every_node", ask)

    elsewhere(lambda: None)
    check_files([path], tmp_path)
    elsewhere(lambda: path.write_text("another"))
    with pytest.raises(InputError, match=r"has 7 bytes on the node 10\.0\.0\.9, here 3"):
        check_files([path], tmp_path)
    elsewhere(path.unlink)
    with pytest.raises(InputError, match=r"/\{0\}\{a\.txt cannot be read on the node .* No such f"):
        check_files([path], tmp_path)
    elsewhere(lambda: [mark.unlink() for mark in tmp_path.iterdir()])
    with pytest.raises(InputError, match=r"node 10\.0\.0\.9 does not see the cache directory /"):
        check_files([], tmp_path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("runs", [True, False])
def test_the_text_is_read_once_a_cluster_that_runs_has_been_looked_at(monkeypatch, tmp_path, runs):
    """One that has to be started here would be started in vain where the text is encoded."""
    done = []

    @contextlib.contextmanager
    def connect(address, log):
        done.append("connected")
        yield SimpleNamespace(logs="/tmp/ray/logs")

    def check_files(files, place):
        assert {file.name for file in files} == ({"a.txt", "b.txt"} if runs else {"a.txt"})
        assert place == tmp_path / "cache"
        raise InputError("a node does not see them")

    def fingerprint(corpus):
        done.append("read")
        return "0"

    cluster = "tfseq.cluster.text.text_cluster"
    for module in (cluster, "tfseq.tasks.language_model.texts"):
        monkeypatch.setattr(f"{module}.check_address", lambda address: runs)
    monkeypatch.setattr(f"{cluster}.connect", connect)
    monkeypatch.setattr(f"{cluster}.check_files", check_files)
    monkeypatch.setattr("tfseq.text.Corpus.fingerprint", fingerprint)
    for name in "ab":
        tmp_path.joinpath(f"{name}.txt").write_text("the cat sat on the mat\n" * 9)
    options = tfseq.LanguageModelOptions(
        corpus=str(tmp_path / "a.txt"),
        validation=str(tmp_path / "b.txt"),
        run_dir=str(tmp_path / "run"),
        cache_dir=str(tmp_path / "cache"),
        cluster="10.0.0.9:6379",
    )
    with pytest.raises(InputError, match="a node does not see them"):
        tfseq.train(options, log=lambda line: None)
    assert done == (["connected"] if runs else ["read", "connected"])
    assert not (tmp_path / "run").exists()


def test_statistics_need_a_place_that_can_be_written(monkeypatch, tmp_path):
    connection = contextlib.nullcontext(SimpleNamespace(logs="/tmp/ray/logs"))
    cluster = "tfseq.cluster.text.text_cluster"
    for module in (cluster, "tfseq.analysis.corpus_statistics_results"):
        monkeypatch.setattr(f"{module}.check_address", lambda address: True)
    monkeypatch.setattr(f"{cluster}.connect", lambda address, log: connection)
    path = tmp_path / "a.txt"
    path.write_text("the cat sat on the mat\n")
    options = CorpusStatisticsOptions(
        corpus=str(path), cluster="10.0.0.9:6379", cache_dir=str(path / "cache")
    )
    with pytest.raises(InputError, match=r"a\.txt/cache cannot be written: .*a\.txt is not a dir"):
        run_corpus_statistics(options)
