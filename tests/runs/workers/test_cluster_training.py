"""Workers on a cluster end with the weights of one process, whatever is killed on the way."""

import random

import numpy as np
import pytest

from ..killed_runs import (
    after_some_steps,
    assert_same_run,
    options_of,
    train,
    weights,
    write_corpus,
)
from .cluster_runs import ON_TWO, interrupt, kill, kill_worker, run

pytest.importorskip("ray", reason="the extra `scale` is not installed")

OPTIONS = [*options_of("rnn"), "--dropout=0.3"]


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(min(10, metafunc.config.getoption("kills"))))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus") / "text.txt")


@pytest.fixture(scope="module")
def of_two(corpus, tmp_path_factory):
    """A run of two workers that nothing happened to."""
    place = tmp_path_factory.mktemp("of_two") / "run"
    status, printed, _ = run([*OPTIONS, *ON_TWO, f"--corpus={corpus}"], place)
    assert status == 0, printed
    return place


@pytest.mark.slow
def test_a_worker_is_killed(corpus, tmp_path):
    words = [*OPTIONS, "--epochs=1", f"--corpus={corpus}"]
    status, printed, acted = run(
        [*words, *ON_TWO], tmp_path / "run", after_some_steps(5, 0.02), kill_worker(1)
    )
    assert status == 0, printed
    assert acted
    assert printed.count("a worker failed; all go on from step") == 1
    assert not (tmp_path / "run" / ".ray").exists()
    assert not (tmp_path / "run" / ".workers.lock").exists()
    train(corpus, tmp_path / "one", *OPTIONS, "--epochs=1")
    expected = weights(tmp_path / "one")
    for name, array in weights(tmp_path / "run").items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_killed_at_a_random_moment(seed, corpus, of_two, tmp_path):
    chance = random.Random(seed)
    act = [kill_worker(0), kill_worker(1), kill, interrupt][seed % 4]
    moment = after_some_steps(chance.randrange(80), chance.random() * 0.1)
    words, place = [*OPTIONS, *ON_TWO, f"--corpus={corpus}"], tmp_path / "run"
    status, printed, acted = run(words, place, moment, act)
    assert acted, printed
    if act in (kill, interrupt):
        assert status
        status, printed, _ = run([*ON_TWO, "--resume"], place)
    assert status == 0, printed
    assert_same_run(place, of_two)


@pytest.mark.slow
def test_two_begin_and_three_go_on(corpus, of_two, tmp_path):
    words, place = [*OPTIONS, f"--corpus={corpus}"], tmp_path / "run"
    run([*words, *ON_TWO], place, after_some_steps(30, 0.0), kill)
    status, printed, _ = run(["--resume", "--workers=3", "--cluster=auto"], place)
    assert status == 0, printed
    expected = weights(of_two)
    for name, array in weights(place).items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=1e-5, err_msg=name)
