"""Real Ray clusters on this machine, which end with the tests."""

import gc
import os
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import pytest

from .ray_processes import processes_of_ray
from .word_corpus import corpus_of_words


@pytest.fixture
def quiet_ray(monkeypatch):
    """Ray, with no cluster yet."""
    ray = pytest.importorskip("ray", reason="the extra `scale` is not installed")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    # Not the cluster of another test.
    monkeypatch.setattr("tfseq.cluster.connection._CURRENT", Path("/nowhere"))
    yield ray
    assert not ray.is_initialized()


@pytest.fixture
def two_nodes(quiet_ray, monkeypatch, request):
    """A cluster of two nodes, and what adds and kills nodes; with its directory.

    The first node has one CPU, or as many as the parameter says; the second has one.
    """
    from ray.cluster_utils import Cluster

    place = tempfile.mkdtemp(prefix="tfseq-test-", dir="/tmp")
    # `Cluster` notes its address there, in a directory that it takes to be there.
    monkeypatch.setenv("RAY_TMPDIR", place)
    Path(place, "ray").mkdir()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": getattr(request, "param", 1),
            "include_dashboard": False,
            "temp_dir": place,
        },
    )
    try:
        cluster.second = cluster.add_node(num_cpus=1)
        cluster.place = place
        yield cluster
    finally:
        quiet_ray.shutdown()
        cluster.shutdown()
        deadline = time.monotonic() + 20
        while (left := processes_of_ray(place)) and time.monotonic() < deadline:
            time.sleep(0.2)
        for process in left:
            process.kill()
        shutil.rmtree(place, ignore_errors=True)
        os.environ.pop("RAY_ADDRESS", None)
        with warnings.catch_warnings():
            # Ray's `Cluster` leaves sockets to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    assert not left


@pytest.fixture(scope="module")
def long_corpus(tmp_path_factory):
    """Text of which small pieces are many tasks."""
    return corpus_of_words(tmp_path_factory.mktemp("corpus"), 30_000, 40, 120_000)
