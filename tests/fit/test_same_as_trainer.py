"""`fit` comes to the weights that tfseq's own trainer comes to."""

import keras
import numpy as np
import pytest
from runs.small_trainer import IDS, make_trainer

from tfseq.fit import ResetStates, StatefulModel, Windows

#: Whatever the offset, 8 batches of 3 x 5: the trainer's epochs and those of `fit` are as long.
TRAIN = IDS[: 8 * 15 + 5]


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["random", "sequential"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_same_weights(sampling, cell):
    options = {"cell": cell, "sampling": sampling, "seed": 6, "clip_norm": 0.5}
    options |= {"optimizer": "adam", "learning_rate": 1e-2, "learning_rate_decay": 1.0}
    trainer = make_trainer(TRAIN, IDS[:0], **options)
    initial = trainer.model.get_weights()
    losses = []
    for _ in range(3):
        losses.append(np.mean([step["loss"] for step in trainer.train_epoch()]))

    model = make_trainer(TRAIN, IDS[:0], **options).model
    for weight, value in zip(model.get_weights(), initial, strict=True):
        np.testing.assert_array_equal(weight, value)
    carried = sampling == "sequential"
    fitted = StatefulModel(model, batch_size=3) if carried else model
    fitted.compile(
        keras.optimizers.Adam(1e-2, global_clipnorm=0.5),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    windows = Windows(TRAIN, 3, 5, order=sampling, seed=6)
    history = fitted.fit(
        windows.dataset,
        shuffle=False,
        epochs=3,
        callbacks=[ResetStates()] if carried else [],
        verbose=0,
    )
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    for weight, value in zip(model.get_weights(), trainer.model.get_weights(), strict=True):
        np.testing.assert_allclose(weight, value, rtol=1e-4, atol=1e-6)
