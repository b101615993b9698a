"""What a training run says of itself: metrics that any task has, and a line an epoch."""

import sys
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfseq.runs.progress import Progress
from tfseq.runs.trainer import Trainer


def training_metrics(trainer: Trainer, fingerprint: str) -> dict[str, Any]:
    """Those of the best epoch's validation and the last epoch's training, counts, time, versions.

    Args:
        trainer: the trainer, which has come to its end.
        fingerprint: the digest of the data.
    """
    progress, targets = trainer.progress, trainer.objective.targets
    last = progress.history[-1] if progress.history else {}
    best = next((r for r in progress.history if r["epoch"] == progress.best_epoch), {})
    trained, seconds = sum(row[targets] for row in progress.history), progress.seconds
    return {
        **{name: value for name, value in best.items() if name.startswith("validation_")},
        **{name: value for name, value in last.items() if name.startswith("train_")},
        "num_parameters": trainer.model.count_params(),
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "stopped_early": progress.stopped_early,
        "steps": progress.step,
        "training_seconds": round(seconds, 3),
        f"{targets}_per_second": round(trained / seconds) if seconds else None,
        "seed": trainer.options.seed,
        "data_fingerprint": fingerprint,
        "tensorflow_version": tf.__version__,
        "keras_version": keras.__version__,
        "python_version": ".".join(map(str, sys.version_info[:3])),
    }


def describe_losses(row: Mapping[str, Any], progress: Progress) -> str:
    """The training loss and the metrics of validation in a row of history.

    >>> row = {"train_loss": 0.5, "validation_macro_f1": 0.25, "seconds": 2.4}
    >>> describe_losses(row, Progress())
    'training loss 0.5000  validation macro F1 0.2500  2 s'
    """
    text = f"training loss {row['train_loss']:.4f}"
    validation = [
        f"{name.removeprefix('validation_').replace('_', ' ').replace('f1', 'F1')} {value:.4f}"
        for name, value in row.items()
        if name.startswith("validation_")
    ]
    if validation:
        text += f"  validation {', '.join(validation)}"
    return f"{text}  {row['seconds']:.0f} s"
