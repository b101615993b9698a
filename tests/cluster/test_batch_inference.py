"""Whole files on a cluster whose workers and machines are killed: rows as of an undisturbed run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tfseq
from tfseq.cluster.connection import connect
from tfseq.cluster.where import Where
from tfseq.errors import InputError
from tfseq.tasks.prediction import workers as module
from tfseq.tasks.prediction.predict_file import predict_file
from tfseq.tasks.prediction.run_digests import run_digests
from tfseq.tasks.prediction.workers import Workers, workers_of

from .ray_processes import all_raylets, killing, processes_of_ray

# Ray's `Cluster` leaves sockets to the garbage collector, which comes when it likes.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed.*socket:ResourceWarning")
SCRIPT = Path(__file__).parents[2] / "pipelines" / "generate_text.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The run of a small language model."""
    place = tmp_path_factory.mktemp("run")
    words = random.Random(3).choices("the time machine in a light year".split(), k=3000)
    (place / "text.txt").write_text(" ".join(words))
    options = tfseq.LanguageModelOptions(
        corpus=str(place / "text.txt"),
        run_dir=str(place / "run"),
        epochs=1,
        units=8,
        export=False,
        verbose="quiet",
        sample_epochs=0,
    )
    return tfseq.train(options, log=lambda line: None)


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    """Prompts of many lengths."""
    draw = random.Random(5)
    path = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    rows = (
        {"id": number, "text": "the time machine "[: draw.randrange(17)]} for number in range(400)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


WRITE = {"write": {"max_new_tokens": 20, "temperature": 0.9, "top_p": 0.95, "seed": 11}}


def written(run, prompts, output, **more):
    more = {"settings": WRITE, "keep": ["id"], "part_rows": 8, "log": lambda line: None, **more}
    return predict_file(run.directory, prompts, output, **more).read_bytes()


def prediction_workers(cluster):
    """The processes of a cluster that load a model, or have loaded one."""
    import psutil

    found = []
    for raylet in all_raylets(cluster):
        for process in raylet.children():
            try:
                if "ModelWorker" in process.cmdline()[0]:
                    found.append(process)
            except (psutil.Error, IndexError):
                continue
    return found


@pytest.mark.slow
def test_workers_and_nodes_are_killed_at_random_moments(
    two_nodes, run, prompts, tmp_path, pytestconfig
):
    """Some of them while a model is loaded; every third time it is a machine that goes."""
    times = pytestconfig.getoption("kills")
    draw, killed = random.Random(7), []
    with connect(two_nodes.address):
        expected = written(run, prompts, tmp_path / "whole.jsonl", cluster="auto")
        for turn in range(times):
            output = tmp_path / f"{turn}.jsonl"
            whole_node, after = turn % 3 == 1, draw.randrange(-1, 40)
            wait = draw.random() if after < 0 else 0.0

            def kill(ended, output=output, whole_node=whole_node, after=after, wait=wait):
                time.sleep(wait)
                parts = output.with_name(output.name + ".parts")
                while not ended.wait(0.01):
                    busy = prediction_workers(two_nodes)
                    if not busy or len([*parts.glob("0*")]) < after:
                        continue
                    if whole_node:
                        two_nodes.remove_node(two_nodes.second, allow_graceful=False)
                        killed.append("node")
                    else:
                        draw.choice(busy).kill()
                        killed.append("loading" if after < 0 else "worker")
                    return

            with killing(kill):
                found = written(run, prompts, output, cluster="auto")
            assert found == expected
            assert not output.with_name(output.name + ".parts").exists()
            if whole_node and killed and killed[-1] == "node":
                two_nodes.second = two_nodes.add_node(num_cpus=1)
        deadline = time.monotonic() + 20
        while prediction_workers(two_nodes):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert {"node", "worker"} <= set(killed)
    assert len(killed) > times // 2


@pytest.mark.slow
def test_an_evaluation_survives_its_workers(two_nodes, run, tmp_path):
    draw, killed = random.Random(9), []
    text = tmp_path / "long.txt"
    text.write_text(" ".join(draw.choices("the time machine in a light year".split(), k=60_000)))
    expected = run.evaluate(text)
    with connect(two_nodes.address):

        def kill(ended):
            while not ended.wait(draw.random()) and len(killed) < 4:
                if busy := prediction_workers(two_nodes):
                    draw.choice(busy).kill()
                    killed.append(True)

        with killing(kill):
            found = run.evaluate(text, where=Where("auto", 2))
    assert killed
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-6)


def die(task, path):
    """Ends the process that is given this part."""
    with Path(path).open("a") as file:
        file.write("x")
    os._exit(1)


# Its code travels with it: workers have no tests.
die.__module__ = "__main__"


@pytest.mark.slow
def test_a_part_of_which_workers_die_is_given_up(two_nodes, run, tmp_path):
    with (
        pytest.raises(
            InputError, match=r"5 workers have died of part 0: .*The logs of the node [0-9.]+ are"
        ),
        workers_of(run.directory, two_nodes.address, None, lambda line: None) as workers,
    ):
        for _ in workers.answers(die, [(0, (str(tmp_path / "tries"),))]):
            pass
    assert (tmp_path / "tries").read_text() == "xxxxx"


@pytest.mark.slow
def test_a_model_that_no_worker_can_load(two_nodes, run, monkeypatch):
    monkeypatch.setattr(module, "check_files", lambda files, argument: None)
    directory = run.directory.with_name("nowhere")
    with (
        pytest.raises(
            InputError,
            match=r"a worker cannot load the run: `run_dir` .* is not a dir.* of the node [0-9]",
        ),
        workers_of(directory, two_nodes.address, 1, lambda line: None) as workers,
    ):
        next(workers.answers(die, [(0, ("",))]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.weights.h5", "vocabulary.txt"])
def test_a_node_with_another_run_under_the_same_path(two_nodes, run, monkeypatch, name):
    """Of the same sizes, as a model that has been trained again has."""
    digests = {**run_digests(run.directory), name: "0" * 64}
    monkeypatch.setattr(module, "run_digests", lambda directory: digests)
    with (
        pytest.raises(
            InputError, match=rf"/run/{name} is not the same file on the node [0-9.]+ as"
        ),
        workers_of(run.directory, two_nodes.address, 1, lambda line: None) as workers,
    ):
        next(workers.answers(die, [(0, ("",))]))


def test_more_workers_than_there_is_room_for(tmp_path):
    class Room:
        num_cpus, num_gpus = 4, 0

    assert Workers(Room, tmp_path, None, print).most == 4
    with pytest.raises(InputError, match=r"`workers` must be at most the CPUs .*, 4. Received: 5"):
        Workers(Room, tmp_path, 5, print)
    Room.num_gpus = 2
    assert Workers(Room, tmp_path, None, print).most == 2
    with pytest.raises(InputError, match=r"`workers` must be at most the GPUs .*, 2. Received: 3"):
        Workers(Room, tmp_path, 3, print)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_driver_that_is_stopped_leaves_nothing_and_goes_on(
    quiet_ray, run, prompts, tmp_path, how, monkeypatch
):
    import tempfile

    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as short:
        monkeypatch.setenv("TMPDIR", short)
        output = tmp_path / "out.jsonl"
        command = [
            *(sys.executable, str(SCRIPT), "--run-dir", str(run.directory), "--keep", "id"),
            *("--prompts", str(prompts), "--output", str(output), "--part-rows", "8"),
            *("--max-new-tokens", "20", "--temperature", "0.9", "--top-p", "0.95", "--seed", "11"),
            *("--cluster", "auto", "--workers", "2"),
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            while not [*output.with_name("out.jsonl.parts").glob("00000004-*")]:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
            process.send_signal(how)
            told = process.stderr.read()
        assert not output.exists()
        if how == signal.SIGINT:
            assert (process.returncode, told) == (130, "interrupted\n")
        deadline = time.monotonic() + 150
        while processes_of_ray(short):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "of them before" in done.stdout
        assert not processes_of_ray(short)
    alone = [json.loads(line) for line in written(run, prompts, tmp_path / "o.jsonl").splitlines()]
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(row["id"], row["seed"]) for row in found] == [(n, 11 + n) for n in range(400)]
    pairs = zip(found, alone, strict=True)
    # A product may be rounded in another way on one thread.
    assert sum(one["completion"] == other["completion"] for one, other in pairs) > 395
