"""Real Ray clusters on this machine, which end with the tests."""

import os
import shutil
import tempfile
import time

import pytest


def processes_of_ray(place):
    """The processes of a cluster, by the directory that their command lines name."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if any(place in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def workers_of(raylet):
    """The processes below a raylet that are at a task of the text stage."""
    import psutil

    found = []
    for process in raylet.children():
        try:
            if process.cmdline()[0].startswith("ray::tfseq"):
                found.append(process)
        except (psutil.Error, IndexError):
            continue
    return found


@pytest.fixture
def quiet_ray(monkeypatch):
    """Ray, with a token of the test's own: nothing is written to the home directory."""
    ray = pytest.importorskip("ray", reason="the extra `scale` is not installed")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    yield ray
    assert not ray.is_initialized()


@pytest.fixture
def two_nodes(quiet_ray, monkeypatch):
    """A cluster of two nodes, and what adds and kills nodes; with its directory."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    place = tempfile.mkdtemp(prefix="tfseq-test-", dir="/tmp")
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "temp_dir": place},
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
    assert not left
