"""A step of a language model whose layers are connected otherwise than one to the next."""

import numpy as np
import pytest

from ..small_trainer import clipped, loss_and_gradients, make_trainer, spread

IDS = np.random.default_rng(1).integers(0, 9, 400).astype("uint8")
BLOCKS = {"residual": True, "feed_forward": 1.5}


@pytest.mark.parametrize(
    "options",
    [
        {**BLOCKS, "units": (4,)},
        pytest.param({**BLOCKS, "units": (5, 4)}, marks=pytest.mark.slow),
        pytest.param({"skip_connections": "both"}, marks=pytest.mark.slow),
        pytest.param({**BLOCKS, "cell": "lstm", "embedding_size": 6}, marks=pytest.mark.slow),
        pytest.param(
            {"units": (6, 4), "embedding_size": 4, "tie_embeddings": True}, marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
def test_it_is_compiled_in_halves_and_comes_to_what_keras_comes_to(options):
    options = {"num_layers": 1 if "units" in options else 2, "batch_size": 32, **options}
    trainer = make_trainer(IDS, IDS[:0], num_steps=3, clip_norm=0.5, **options)
    spread(trainer.model)
    batch = next(iter(trainer.objective.batches(0, 0)))
    loss, gradients, _ = loss_and_gradients(trainer.model, *batch)
    norm, _ = clipped(gradients, 0.5)
    first = next(trainer.train_epoch())
    np.testing.assert_allclose([first["loss"], first["gradient_norm"]], [loss, norm], rtol=1e-4)
    assert trainer.step_kind == "compiled in halves"
