"""Workers on two machines, which go and come while they train, end with the same bits."""

import time

import pytest
from runs.killed_runs import after_some_steps, assert_same_run, options_of, write_corpus
from runs.workers.cluster_runs import run

SECONDS = 3.0


@pytest.mark.slow
def test_machines_go_and_come(two_nodes, tmp_path):
    """One goes, and another has to come first; then that one goes, where a third is free."""
    corpus = write_corpus(tmp_path / "text.txt")
    words = [*options_of("rnn"), f"--corpus={corpus}", f"--cluster={two_nodes.address}"]
    words += ["--workers=2"]
    status, printed, _ = run(words, tmp_path / "whole")
    assert status == 0, printed

    def lose():
        two_nodes.remove_node(two_nodes.second, allow_graceful=False)
        faults.append(time.monotonic())

    def come():
        two_nodes.second = two_nodes.add_node(num_cpus=1)

    faults, moments = [], [after_some_steps(20, 0.03), after_some_steps(60, 0.07)]

    def change(run_dir):
        # In the main thread: Ray starts machines there alone.
        if len(faults) == 0 and moments[0](run_dir):
            lose()
            time.sleep(SECONDS)
            come()
        elif len(faults) == 1 and moments[1](run_dir):
            former = two_nodes.second
            come()
            new, two_nodes.second = two_nodes.second, former
            lose()
            two_nodes.second = new
        return False

    place = tmp_path / "run"
    status, printed, _ = run(words, place, moment=change)
    assert status == 0, printed
    assert len(faults) == 2
    assert printed.count("a worker failed; all go on from step") == 2
    assert printed.count(" is gone\n") == 2
    assert printed.count(" has come\n") == 2
    assert "raylet" not in printed
    assert_same_run(place, tmp_path / "whole")
