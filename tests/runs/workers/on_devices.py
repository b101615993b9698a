"""Trains a small model on three devices and on one, and prints how far apart they end."""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf


def last_checkpoint(options: dict, workers):
    from runs.small_trainer import make_trainer

    trainer = make_trainer(**options, workers=workers)
    while not trainer.finished:
        for _ in trainer.train_epoch():
            pass
    return trainer.checkpoint().arrays, trainer.step_kind


def main() -> None:
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * 3
    )
    sys.path.insert(0, str(Path(__file__).parents[2]))  # As pytest does.
    from tfseq.runs.workers.workers import ALONE, LocalDevices

    train = np.random.default_rng(5).integers(9, size=3000)
    noise = {"weight_dropout": 0.2, "recurrent_dropout": 0.1, "zoneout": 0.1}
    options = {"cell": "gru", "batch_size": 64, "dropout": 0.3, "epochs": 2, "train": train}
    options |= {"state_reset": 0.2, "model_options": noise}
    one, kind_of_one = last_checkpoint(options, ALONE)
    three, kind = last_checkpoint(options, LocalDevices(["CPU:0", "CPU:1", "CPU:2"]))
    print(
        kind, "|", kind_of_one, "|", max(abs(three[n] - a).max(initial=0) for n, a in one.items())
    )


if __name__ == "__main__":
    main()
