"""The arithmetic of the simulation in `benchmarks/scale.py`."""

import dataclasses
import doctest
import itertools
import math
import subprocess
import sys
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest
from scaling import machines, tables, text_costs, training_simulation, zipf_text
from scaling.machines import DRIVER, FEW, HERE, NODE, PROCESSORS, STORE, Machines, stage_of_tasks
from scaling.report import pays_after, rows_for
from scaling.text_simulation import TextCosts, pays_from, text_memory, text_stages
from scaling.training_simulation import BYTES, GRADIENT, HOPS, TrainingCosts, training_step
from scaling.zipf_text import write_zipf_text

COSTS = TextCosts(
    tokenize=0.07,
    count_distinct=1e-6,
    add_distinct=1e-6,
    build=4e-6,
    load=2e-6,
    write_tokens=1e-8,
    text_digest=2e-3,
    ids_digest=1e-3,
    tokens_of_mb=200_000,
    numbered_bytes=2.5,
    distinct_bytes=30,
    sum_bytes=13,
    heaps_exponent=0.5,
    heaps_factor=20.0,
    process_mb=500,
    piece_mb=20,
    piece_distinct_bytes=100,
    added_memory=200,
    build_memory=300,
    load_memory=250,
)
TRAINING = TrainingCosts(fixed=0.001, row=0.002, hop=0.0005, byte=1e-9, parameters=1_000_000)


def seconds(stages):
    return {stage.name: stage.seconds for stage in stages}


def test_one_worker_takes_what_was_measured():
    """Of 100 MB in one piece: 20 million tokens, 20 √(2e7) distinct ones."""
    distinct = 20 * math.sqrt(2e7)
    expected = {
        "digest of the text": 0.2,
        "tokenize": 7.0,
        "count": 1e-6 * distinct,
        "vocabulary": 4e-6 * distinct,
        "write": 0.2 + 2e-6 * distinct,
        "digests of the ids": 0.16,
    }
    found = seconds(text_stages(COSTS, 100, 1, HERE, piece_mb=100))
    assert found == pytest.approx(expected)
    assert training_step(TRAINING, 32, 1, HERE).seconds == pytest.approx(0.065)
    assert training_step(TRAINING, 8, 1, HERE, speed=2).seconds == pytest.approx(0.0085)


def test_sums_are_added_up_level_by_level():
    """Of 17 pieces: two sums, of 16 pieces and of one, and then their sum."""
    costs = dataclasses.replace(COSTS, count_distinct=0, add_distinct=1.0)
    (count,) = (s for s in text_stages(costs, 170, 1, HERE, piece_mb=10) if s.name == "count")
    assert count.seconds == pytest.approx(2 * costs.distinct(160))


@hypothesis.given(
    st.sampled_from(["network", "store", "store_total"]),
    st.integers(1, 500),
    st.floats(1.0, 1e5),
    st.floats(1.0, 1e4),
)
@hypothesis.settings(max_examples=20)
def test_more_bandwidth_never_slows(which, workers, megabytes, rate):
    before = Machines(network=1000, store=rate, store_total=3 * rate)
    after = dataclasses.replace(before, **{which: 2 * getattr(before, which)})
    for slow, fast in zip(
        text_stages(COSTS, megabytes, workers, before),
        text_stages(COSTS, megabytes, workers, after),
        strict=True,
    ):
        assert fast.seconds <= slow.seconds * (1 + 1e-9)
    step = training_step(TRAINING, 1000, workers, before)
    assert training_step(TRAINING, 1000, workers, after).seconds <= step.seconds


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, PROCESSORS),
        ({"tasks": 30}, FEW),
        ({"driver": 0.2}, DRIVER),
        ({"megabytes": 3000.0}, NODE),
        ({"store_total": 100.0}, STORE),
    ],
)
def test_where_the_bound_is(change, expected):
    """Of 40 workers on 10 machines, whose tasks compute 5 s and move 100 MB."""
    rates = {"store": 1000.0, "store_total": 20_000.0}
    rates |= {name: value for name, value in change.items() if name in rates}
    work = {"tasks": 400, "compute": 5.0, "megabytes": 100.0, "driver": 0.0}
    work |= {name: value for name, value in change.items() if name in work}
    stage = stage_of_tasks("", workers=40, machines=Machines(workers_per_node=4, **rates), **work)
    assert stage.bound == expected
    rounds = {PROCESSORS: 10 * 5.1, FEW: 5.1, NODE: 10 * 12.0, STORE: 10 * 40.0}
    assert stage.seconds == pytest.approx(rounds.get(expected, 400 * 0.2 + 5.1))


def test_a_ring_of_two_takes_what_was_measured_and_a_long_one_twice_the_bytes():
    step = training_step(TRAINING, 32, 2, HERE)
    assert step.seconds == pytest.approx(0.001 + 16 * 0.002 + 2 * (0.0005 + 2e6 * 1e-9))
    costs = dataclasses.replace(TRAINING, hop=0.0, fixed=0.0, row=0.0)
    long = training_step(costs, 10**6, 10**6, HERE)
    assert long.seconds == pytest.approx(2 * 4e6 * 1e-9, rel=1e-5)
    slow = training_step(costs, 10**6, 10**6, dataclasses.replace(HERE, network=100.0))
    assert slow.seconds == pytest.approx(2 * 4e6 * 1e-8, rel=1e-5)


def test_the_bound_of_a_step_moves_from_the_gradient_to_the_messages():
    bounds = [training_step(TRAINING, 512, n, Machines()).bound for n in (1, 2, 512)]
    assert bounds == [GRADIENT, GRADIENT, HOPS]
    large = dataclasses.replace(TRAINING, parameters=10**9)
    assert training_step(large, 64, 8, Machines()).bound == BYTES


def test_who_holds_what():
    """Of 1 TB: 20 √(2e11) distinct tokens; of a piece of 50 MB: 20 √1e7."""
    distinct, piece = 20 * math.sqrt(2e11), 20 + 20 * math.sqrt(1e7) * 1e-4
    held = text_memory(COSTS, 1e6, piece_mb=50, vocabulary=1e6)
    assert held == pytest.approx(
        {
            "driver": 500 + distinct * 3e-4,
            "tokenize": 500 + piece,
            "count, at the root": 500 + distinct * 2e-4,
            "write": 500 + 250 + piece,
        }
    )


def test_remedies_share_what_one_process_did():
    plain, shared = (
        seconds(text_stages(COSTS, 1e6, 100, HERE, remedies=remedies)) for remedies in (False, True)
    )
    for name in ("digest of the text", "digests of the ids"):
        assert shared[name] == pytest.approx(plain[name] / 100, rel=0.02)
    assert shared["count"] < plain["count"]
    assert {n: s for n, s in shared.items() if "digest" not in n and n != "count"} == {
        n: s for n, s in plain.items() if "digest" not in n and n != "count"
    }


def test_a_cluster_pays_where_its_start_is_made_good():
    """Of a process that needs a second for each MB, and tasks that need a tenth: after 9 s."""
    costs = dataclasses.replace(
        COSTS, tokenize=0.1, text_digest=0, ids_digest=0, write_tokens=0, heaps_factor=0.0
    )
    found = pays_from(costs, 1.0, 9.0, 1, HERE, piece_mb=1.0)
    assert 10 <= found <= 11
    assert pays_from(costs, 0.1, 9.0, 1, HERE, piece_mb=1e4) is None


def test_workers_pay_in_a_run_whose_gain_is_their_start():
    """Twice as fast, with a start of 20 s: 40 s alone are 20 + 20 s."""
    assert pays_after(20.0, 2.0) == "40.0 s"
    assert pays_after(20.0, 1.0) == pays_after(None, 2.0) == "-"


def test_rows_with_which_a_gradient_is_four_fifths_of_a_step():
    """Two workers send for 2 × (0.5 ms + 2 MB × 1 ms) = 5 ms; 1 ms + 10 rows × 2 ms are 21."""
    assert rows_for(TRAINING, 2, HERE) == "10"
    assert rows_for(dataclasses.replace(TRAINING, row=0.0), 2, HERE) == "-"


def test_text_follows_the_law_of_heaps(tmp_path):
    path = tmp_path / "text.txt"
    write_zipf_text(path, 1_000_000)
    content = path.read_bytes()
    assert len(content) == 1_000_000
    words = content.split()
    few, many = (len(set(words[:n])) for n in (len(words) // 64, len(words)))
    assert math.log(many / few, 64) == pytest.approx(1 / 1.7, abs=0.06)


@pytest.mark.slow
def test_costs_are_those_of_the_tasks(tmp_path):
    """Characters: as many tokens as bytes, each numbered in one byte."""
    path = tmp_path / "text.txt"
    write_zipf_text(path, 100_000)
    costs = text_costs.of_pieces(str(path), {"kind": "char"}, str(tmp_path / "pieces"))
    costs |= text_costs.of_sums(str(tmp_path / "sums"), 0.5, many=1000)
    assert costs["tokens_of_mb"] == pytest.approx(1e6, rel=1e-3)
    assert costs["numbered_bytes"] == 1
    assert min(costs[name] for name in ("tokenize", "write_tokens", "add_distinct", "build")) > 0
    TextCosts(**costs)


@pytest.mark.parametrize("module", [machines, tables, training_simulation, zipf_text])
def test_examples(module):
    assert doctest.testmod(module).failed == 0


def test_help_needs_neither_tensorflow_nor_ray():
    script = Path(__file__).parents[2] / "benchmarks" / "scale.py"
    command = [sys.executable, "-X", "importtime", str(script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--store-total" in done.stdout
    loaded = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in itertools.islice(done.stderr.splitlines(), 10_000)
    }
    assert not {"tensorflow", "ray", "keras"} & loaded
