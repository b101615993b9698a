"""A run that recomputes: the same losses, and the same bits when it is taken up again."""

import numpy as np
import pytest

from ..small_trainer import IDS, bits_of, make_trainer


def _trainer(recompute_steps, cell="lstm", batch_size=32, **options):
    options = {
        "model_options": {"recompute_steps": recompute_steps},
        "batch_size": batch_size,  # In two halves.
        "num_steps": 7,
        "dropout": 0.3,
        "num_layers": 2,
        "epochs": 2,
        "learning_rate": 0.05,
        **options,
    }
    ids = np.tile(IDS, 20)
    return make_trainer(ids[:1500], ids[1500:1800], cell=cell, **options)


@pytest.mark.slow
@pytest.mark.parametrize("embedding_size", [0, 5])
def test_losses_are_those_of_a_run_that_keeps_everything(embedding_size):
    losses = []
    for recompute_steps in (3, None):
        trainer = _trainer(recompute_steps, embedding_size=embedding_size)
        losses.append([m["loss"] for m in trainer.train_epoch()])
    assert len(losses[0]) > 3
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.slow
def test_taken_up_again_it_goes_on_to_the_same_bits():
    whole, other = _trainer(3), _trainer(3, weights_seed=99)
    steps = whole.train_epoch()
    for _ in range(3):
        next(steps)
    checkpoint = whole.checkpoint()
    list(steps)
    next(other.train_epoch())
    other.restore(checkpoint)
    list(other.train_epoch())
    assert bits_of(other.checkpoint()) == bits_of(whole.checkpoint())
