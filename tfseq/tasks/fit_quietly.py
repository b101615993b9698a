"""Training of a model to compare with."""

from typing import Any

from tfseq.runs.objective import Objective
from tfseq.runs.trainer import Trainer


def fit_quietly(objective: Objective, options: Any) -> None:
    """Train to the best epoch, without a run directory: for a model to compare with."""
    trainer = Trainer(objective, options)
    while not trainer.finished:
        for _ in trainer.train_epoch():
            pass
    trainer.use_best_weights()
