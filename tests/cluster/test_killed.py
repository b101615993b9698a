"""The text stage, whose workers, machines and driver are killed at random moments."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from tfseq.cluster.connection import connect
from tfseq.data import encode_corpus
from tfseq.errors import InputError
from tfseq.text import make_tokenizer

from .ray_processes import all_raylets, encode, killing, workers_of


@pytest.mark.slow
def test_workers_and_nodes_are_killed_at_random_moments(
    two_nodes, long_corpus, tmp_path, pytestconfig
):
    """Every third time it is a machine that goes, and another one comes."""
    times = pytestconfig.getoption("kills")
    tokenizer, draw = make_tokenizer({"kind": "word"}), random.Random(7)
    alone = encode_corpus(long_corpus, tokenizer, cache_dir=tmp_path / "alone")
    killed = []
    with connect(two_nodes.address):
        for time_ in range(times):
            place = tmp_path / str(time_)
            whole_node, after = time_ % 3 == 1, draw.randrange(60)

            def kill(ended, place=place, whole_node=whole_node, after=after):
                while not ended.wait(0.01):
                    if len([*place.glob(".*.work/*.tokens")]) < after:
                        continue
                    busy = [
                        worker for raylet in all_raylets(two_nodes) for worker in workers_of(raylet)
                    ]
                    if whole_node:
                        two_nodes.remove_node(two_nodes.second, allow_graceful=False)
                        killed.append("node")
                    elif busy:
                        draw.choice(busy).kill()
                        killed.append("worker")
                    else:
                        continue
                    return

            with killing(kill):
                # Connected already: the workers that are left go on, with TensorFlow loaded.
                encoded = encode(two_nodes.address, long_corpus, tokenizer, place)
            np.testing.assert_array_equal(encoded.ids, alone.ids)
            assert encoded.vocabulary.tokens == alone.vocabulary.tokens
            assert encoded.fingerprint == alone.fingerprint
            assert len([*place.iterdir()]) == 1
            if whole_node and killed[-1] == "node":
                two_nodes.second = two_nodes.add_node(num_cpus=1)
    assert {"node", "worker"} <= set(killed)
    assert len(killed) > times // 2


DRIVER = """
import sys
from pathlib import Path
from tfseq.cluster.connection import connect
from tfseq.cluster.tasks import OnCluster
from tfseq.cluster.text.text_stage import TextStage
from tfseq.data import encode_corpus
from tfseq.text import make_tokenizer, open_corpus

corpus, place = sys.argv[1:3]
with connect(sys.argv[3] if sys.argv[3:] else "auto", dashboard=False) as connection:
    stage = TextStage(OnCluster(str(connection.logs)), 20_000, 1 << 16)
    encoded = encode_corpus(
        open_corpus(corpus), make_tokenizer({"kind": "word"}), cache_dir=place, write=stage
    )
print(encoded.fingerprint)
"""


def driver(corpus, place):
    directory = str(corpus.source.files[0].parent)
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, directory, str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_driver_that_is_stopped_leaves_no_process(
    quiet_ray, long_corpus, tmp_path, how, monkeypatch
):
    """By Ctrl-C it tidies up; a driver that was killed leaves the work to the next one."""
    import psutil

    short = tempfile.mkdtemp(prefix="t", dir="/tmp")
    monkeypatch.setenv("TMPDIR", short)
    tokenizer = make_tokenizer({"kind": "word"})
    alone = encode_corpus(long_corpus, tokenizer, cache_dir=tmp_path / "alone")
    first = driver(long_corpus, tmp_path / "cluster")
    deadline = time.monotonic() + 120
    while len(done := [*tmp_path.glob("cluster/.*.work/*.tokens")]) < 5 and first.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(how)
    _, errors = first.communicate(timeout=60)
    # Of a driver that was killed, Ray's agents take a minute to see it.
    psutil.wait_procs(started, timeout=180)
    assert not [process for process in started if process.is_running()]
    if how == signal.SIGKILL:
        assert done
        second = driver(long_corpus, tmp_path / "cluster")
        output, errors = second.communicate(timeout=120)
        assert second.returncode == 0, errors
        assert output.split()[-1] == alone.fingerprint
        assert not [*tmp_path.glob("cluster/.*")]
    else:
        assert not [*tmp_path.joinpath("cluster").iterdir()], (first.returncode, errors)
    if how == signal.SIGTERM:
        assert first.returncode == 128 + signal.SIGTERM
        assert "SIGTERM" not in errors
    assert not [*Path(short).iterdir()]
    os.rmdir(short)


@pytest.mark.slow
def test_a_task_that_is_late_is_done_again_and_one_that_is_lost_for_good_is_named(
    quiet_ray, two_nodes, tmp_path, monkeypatch
):
    """A worker that hangs does not hold up the others; one that always dies ends the work."""
    from tfseq.cluster.tasks import OnCluster

    monkeypatch.setattr("tfseq.cluster.tasks._LEAST_SECONDS", 1.0)

    def hang_once(number):
        mark = tmp_path / "begun"
        if number == 2 and not mark.exists():
            mark.touch()
            time.sleep(600)
        return number * number

    def die(number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with connect(two_nodes.address) as connection:
        runner = OnCluster(str(connection.logs))
        begun = time.monotonic()
        assert runner.map(hang_once, [*range(8)]) == [n * n for n in range(8)]
        assert time.monotonic() - begun < 120
        with pytest.raises(InputError, match="task 3 was lost 6 times") as raised:
            runner.map(die, [*range(8)])
        assert f"its machine (node {quiet_ray.util.get_node_ip_address()}): " in str(raised.value)
        assert "\n" not in str(raised.value)
        assert str(connection.logs) in str(raised.value)
