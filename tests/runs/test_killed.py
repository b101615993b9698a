"""A run that is killed and resumed ends with the weights of one that never stopped."""

import random

import pytest

from .killed_runs import (
    after_some_steps,
    assert_same_run,
    options_of,
    train,
    train_and_kill,
    while_writing,
)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "rg_lru", "layer_norm_lstm"])
def test_killed_at_random_moments(cell, corpus, whole, tmp_path):
    chance = random.Random(cell)
    run_dir = tmp_path / "killed"
    moments = [
        while_writing(chance.randrange(3, 20)),
        after_some_steps(chance.randrange(5, 25), chance.random() * 0.02),
    ]
    if cell == "gru":
        moments.reverse()
    options = options_of(cell)
    assert train_and_kill(corpus, run_dir, moments[0], *options)
    assert train_and_kill(corpus, run_dir, moments[1], *options, "--resume")
    train(corpus, run_dir, *options, "--resume")

    assert_same_run(run_dir, whole(cell))
