"""Layers that learn from when on, and how fast: an update by hand."""

import numpy as np
import pytest

from tfseq.files.checkpoint import load_latest_checkpoint
from tfseq.models.layer_groups import layer_groups

from ..small_trainer import (
    IDS,
    bits_of,
    clipped,
    loss_and_gradients,
    make_trainer,
    spread,
    train_and_keep_every_step,
)

THAWING = {"embedding_size": 3, "num_layers": 2, "unfreeze_epochs": 1, "layer_rate_factor": 2.0}


def thawing(*train, **more):
    return make_trainer(*train, **{**THAWING, "epochs": 3, **more})


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_groups_move_when_and_as_far_as_is_said(accumulate):
    """θ ← θ − η s g · min(1, clip / ‖g‖), ‖g‖ being over what moves; 4 steps are an epoch."""
    options = {"optimizer": "sgd", "learning_rate": 0.5, "clip_norm": 0.01, "schedule": "constant"}
    trainer = thawing(IDS[:65], **options, num_layers=1, accumulate=accumulate)
    model = trainer.model
    spread(model)
    groups = layer_groups(model)
    assert [len(group) for group in groups] == [2, 3, 1]
    number = {id(w): g for g, group in enumerate(groups) for w in group}
    depth = [number[id(w)] for w in model.trainable_variables]
    seen, step, sums = [], 0, None
    while not trainer.finished:
        batches = iter(trainer.objective.batches(trainer.progress.epoch, 0))
        steps = trainer.train_epoch()
        while True:
            before, states = model.get_weights(), trainer.states
            batch = next(batches, None)
            if batch is None:
                assert next(steps, None) is None
                break
            _, gradients, _ = loss_and_gradients(model, *batch, states)
            sums = (
                gradients if sums is None else [a + b for a, b in zip(sums, gradients, strict=True)]
            )
            next(steps)
            step += 1
            if step % accumulate:
                continue
            updates = step // accumulate - 1
            shares = [0.0 if updates < g * 4 / accumulate else 2.0**-g for g in depth]
            mean = [g / accumulate for g in sums]
            moving = [g * (s > 0) for g, s in zip(mean, shares, strict=True)]
            _, moving = clipped(moving, 0.01)
            for weight, old, g, s in zip(model.get_weights(), before, moving, shares, strict=True):
                np.testing.assert_allclose(weight, old - 0.5 * s * g, rtol=2e-5, atol=1e-6)
                if not s:
                    np.testing.assert_array_equal(weight, old)
            seen.append(sum(s > 0 for s in shares))
            sums = None
    assert sorted({*seen}) == [2, 5, 6]


@pytest.mark.slow
def test_it_goes_on_to_the_same_bits(tmp_path):
    """From a checkpoint before a layer thaws, and from one after, with adam and an average."""
    usual = {"optimizer": "adam", "averaging": "ema", "dropout": 0.3, "epochs": 2}
    whole = thawing(**usual)
    places = train_and_keep_every_step(whole, tmp_path)
    last, _ = load_latest_checkpoint(places[-1])
    trainer = thawing(**usual, weights_seed=5)
    for place in (places[3], places[11]):
        checkpoint, _ = load_latest_checkpoint(place)
        trainer.restore(checkpoint)
        while not trainer.finished:
            list(trainer.train_epoch())
        assert bits_of(trainer.checkpoint()) == bits_of(last)
