"""A `fit` that is killed at any moment and started again ends with the same bits."""

import inspect
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfseq.errors import InputError
from tfseq.files.atomic_file import advised
from tfseq.files.checkpoint import Checkpoint, load_latest_checkpoint, save_checkpoint
from tfseq.fit.reset_states import state_variables
from tfseq.fit.windows import Windows


class BackupAndResume(keras.callbacks.Callback):
    """Resumes a killed `fit` at the batch it had come to, with the bits of one never stopped.

    Start the same script again, and weights, optimizer, seed generators, states of stateful layers,
    the epoch's running metrics, history and progress bar are as if it had not been killed.
    `keras.callbacks.BackupAndRestore` begins its epoch again, with weights and optimizer alone.

    A backup is taken before the first batch of each epoch, and between as `save_freq` says. Two
    are kept; where the newest is damaged, the other one is used. A `fit` that has ended trains
    nothing when it is started again, or only the further epochs that it is given.

    The batches already trained on are read again and skipped. So each epoch's data must come in an
    order that its number alone determines: from `Windows`, or unshuffled.

    Args:
        directory: the backups of this training, and of no other. Delete it to train anew.
        windows: the `Windows` that `fit` reads, or another object whose attribute `epoch` is to
            be set to the number of each epoch as it begins.
        save_freq: `"epoch"`, or a number of batches.
        callbacks: other callbacks of this `fit` that remember something, such as `EarlyStopping`.
            Those of their public attributes are backed up that hold numbers or lists of arrays and
            are not arguments of the constructor.

    Raises:
        InputError: the backups are of another model or `fit`, or all damaged; or one cannot be
            written.
        ValueError: an argument breaks its rule, or the model is not built yet.

    Example:

    >>> def train(directory):
    ...     model = keras.Sequential([keras.layers.Embedding(35, 8), keras.layers.Dense(35)])
    ...     model.build([2, 5])
    ...     model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ...     windows = Windows(range(35), batch_size=2, num_steps=5)
    ...     backup = BackupAndResume(directory, windows, save_freq=2)
    ...     return model.fit(windows.dataset, shuffle=False, callbacks=[backup], verbose=0).history
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     train(directory) == train(directory)  # The second finds nothing left to do.
    True
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        windows: Windows | None = None,
        save_freq: str | int = "epoch",
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ):
        super().__init__()
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq >= 1):
            raise ValueError(
                "`save_freq` must be 'epoch' or a positive number of batches. "
                f"Received: {save_freq!r}."
            )
        self.directory = Path(directory)
        self.windows = windows
        self.save_freq = save_freq
        self.callbacks = list(callbacks)

    def on_train_begin(self, logs=None) -> None:
        if not self.model.built:
            raise ValueError("`BackupAndResume` needs a built model: call it on a batch first.")
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._number, self._history = 0, []
        self._backup = self._load()
        self._resuming = self._backup is not None
        if self._resuming:
            place = self._backup.metadata
            self._number, self._history = self._backup.step, place["history"]
            self._set_initial_epoch(self.params["epochs"] if place["stopped"] else place["epoch"])
            self._restore_variables()
            if place["batch"]:
                self.model.make_train_function(force=True)
                self._train_function = self.model.train_function
                self.model.train_function = self._skip_or_train

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self._epoch = epoch
        if self.windows is not None:
            self.windows.epoch = epoch
        if self._resuming and epoch != self._backup.metadata["epoch"]:
            raise ValueError(
                f"`initial_epoch` must be left out: the backup in {self.directory} is of epoch "
                f"{self._backup.metadata['epoch']}. Received: {epoch}."
            )
        if self._resuming and self._backup.metadata["batch"] is None:
            self._restore_memories()
            self._resuming = False

    def on_train_batch_begin(self, batch, logs=None) -> None:
        self._batch = batch
        if not self._resuming:
            if batch == 0 or (self.save_freq != "epoch" and batch >= self._saved + self.save_freq):
                self._save(self._epoch, batch)
                self._saved = batch
        elif batch < self._backup.metadata["batch"]:
            self._skip = True
        else:
            # Here the backup was taken, after all that callbacks do as an epoch begins.
            self._restore_variables()
            self._restore_memories()
            if batch:
                self.model.train_function = self._train_function
            self._saved, self._resuming = batch, False

    def on_epoch_end(self, epoch, logs=None) -> None:
        # Not a copy of the logs: callbacks after this one may add to them.
        self._history.append((epoch, logs))

    def on_train_end(self, logs=None) -> None:
        if self._resuming:  # There was nothing left to train.
            self._restore_memories()
        elif self._history:
            num_batches = self._batch + self.model.steps_per_execution
            if num_batches >= (self.params["steps"] or 0):  # Else it was stopped within an epoch.
                self._save(self._epoch + 1, None)
        if self._backup is not None:
            self._set_initial_epoch(0)

    def _load(self) -> Checkpoint | None:
        backup, damaged = load_latest_checkpoint(self.directory)
        if damaged and backup is None:
            raise InputError(f"{self.directory} holds damaged backups only. Delete it.")
        if damaged:
            warnings.warn(f"{damaged[0]} is damaged; an older backup is used.", stacklevel=2)
        for name, here in self._setting().items() if backup else ():
            there = backup.metadata["setting"][name]
            if there != here:
                raise InputError(
                    f"{self.directory} holds backups of another model or `fit`: {name} {there} "
                    f"there, {here} here. Give another directory, or delete this one."
                )
        return backup

    def _setting(self) -> dict[str, Any]:
        """What must be the same where a backup is restored."""
        shapes = {
            f"shapes of the {part}": [list(variable.shape) for variable in variables]
            for part, variables in self._variables().items()
            if part != "metrics"
        }
        return {
            "number of batches": self.params["steps"],
            "`steps_per_execution`": self.model.steps_per_execution,
            "`callbacks`": [type(callback).__name__ for callback in self.callbacks],
            **shapes,
        }

    def _set_initial_epoch(self, epoch: int) -> None:
        """Make the `fit` that begins, or the next one, start at `epoch`.

        Only Keras' own callback can. So it backs up the model as it is, is told that the epoch
        before has ended, and restores the model.
        """
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            backup = keras.callbacks.BackupAndRestore(directory)
            backup.set_model(self.model)
            backup.on_epoch_end(epoch - 1)
            backup.on_train_begin()

    def _skip_or_train(self, data):
        """Keras' train function, but batches that are done are read and left."""
        if not self._skip:
            return self._train_function(data)
        self._skip = False
        if self._batch == 0:
            # The first step of training builds the metrics. It is taken, and taken back.
            self._train_function(data)
            self._restore_variables()
        else:
            for _ in zip(range(self.model.steps_per_execution), data, strict=False):
                pass
        return self.model.get_metrics_result()

    def _variables(self) -> dict[str, list]:
        return {
            "model": self.model.variables,
            "optimizer": self.model.optimizer.variables,
            "states": state_variables(self.model),
            "metrics": self.model.metrics_variables,
        }

    def _save(self, epoch: int, batch: int | None) -> None:
        """Back up what stands before a batch; before the epoch begins, if that is None."""
        parts = self._variables()
        if not batch:  # Metrics are zero then, and perhaps not built.
            del parts["metrics"]
        memories = [_memory(callback) for callback in self.callbacks]
        for i, memory in enumerate(memories):
            for name in [name for name, value in memory.items() if isinstance(value, list)]:
                parts[f"{i}.{name}"] = memory[name]
                memory[name] = None
        arrays = {
            f"{part}/{i}": keras.ops.convert_to_numpy(value)
            for part, values in parts.items()
            for i, value in enumerate(values)
        }
        place = {
            "epoch": epoch,
            "batch": batch,
            "stopped": self.model.stop_training,
            "history": self._history,
            "memories": memories,
            "setting": self._setting(),
        }
        self._number += 1
        with advised("start the same `fit` again: it goes on from the last backup"):
            save_checkpoint(self.directory, Checkpoint(self._number, arrays, place))

    def _values(self, part: str) -> list[np.ndarray]:
        """The arrays of a part in the backup."""
        number = sum(name.startswith(f"{part}/") for name in self._backup.arrays)
        return [self._backup.arrays[f"{part}/{i}"] for i in range(number)]

    def _restore_variables(self) -> None:
        for part, variables in self._variables().items():
            values = self._values(part)
            if len(values) == len(variables):  # Metrics may not be backed up, or not be built.
                for variable, value in zip(variables, values, strict=True):
                    variable.assign(value)

    def _restore_memories(self) -> None:
        """Put back what the given callbacks and the history remember."""
        memories = self._backup.metadata["memories"]
        for i, (callback, memory) in enumerate(zip(self.callbacks, memories, strict=True)):
            for name, value in memory.items():
                setattr(callback, name, self._values(f"{i}.{name}") if value is None else value)
        history = self.model.history
        history.epoch, history.history = [], {}
        for epoch, logs in self._history:
            history.epoch.append(epoch)
            for name, value in logs.items():
                history.history.setdefault(name, []).append(value)


def _memory(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Public attributes that are numbers or lists of arrays and were not given by the user."""
    given = inspect.signature(type(callback)).parameters
    return {
        name: value
        for name, value in vars(callback).items()
        if not name.startswith("_") and name not in given
        if isinstance(value, int | float)
        or (isinstance(value, list) and all(isinstance(v, np.ndarray) for v in value))
    }
