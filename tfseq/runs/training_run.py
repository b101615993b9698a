"""What all training runs share: a directory, a trainer, and the way from one to the other."""

import contextlib
import shlex
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras

from tfseq.errors import InputError
from tfseq.files.atomic_file import WriteError, advised
from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint
from tfseq.files.result_directory import check_writable
from tfseq.report import Report
from tfseq.runs.event_log import EventLog
from tfseq.runs.run_directory import RunDirectory
from tfseq.runs.trainer import CheckpointedTrainer, DivergenceError
from tfseq.tasks.language_model.messages import progress_bar


class CheckpointedRun(ABC):
    """A run that is ready to train: all that can be wrong has been looked at.

    A subclass sets the attributes below and gives `metrics` and the methods with an underscore
    that have no body.

    Attributes:
        options: the options as `config.json` keeps them; at least `epochs`,
            `checkpoint_seconds` and `verbose`.
        directory: the `RunDirectory`.
        model: what is trained.
        trainer: its `CheckpointedTrainer`.
        log: where messages go, one line each.
        resumes: whether the run goes on from its last checkpoint.
        export_path: where the export goes, `EXPORT_DIR/NAME`.
        new_steps: steps that `fit` has trained; 0 where a resumed run was finished before.
    """

    options: Any
    directory: RunDirectory
    model: keras.Model
    trainer: CheckpointedTrainer
    log: Callable[[str], None]
    resumes: bool
    export_path: Path
    new_steps: int = 0

    @abstractmethod
    def metrics(self) -> dict[str, Any]:
        """The figures of the run so far, as `metrics.json` holds them."""

    @abstractmethod
    def _create(self) -> None:
        """Make the run directory."""

    @abstractmethod
    def _describe_epoch(self, row: dict[str, Any]) -> str:
        """What is said of an epoch."""

    @abstractmethod
    def _write_history(self) -> None:
        """Make the files that grow with the epochs hold what the trainer holds."""

    @abstractmethod
    def _draw(self) -> None:
        """Draw the curve."""

    def _epoch_ended(self, row: dict[str, Any]) -> None:  # noqa: B027
        """What else is done after an epoch, before it is reported."""

    def fit(self) -> dict[str, Any]:
        """Train to the end, leave the best weights in the model, and return the metrics.

        A new run that fails before its first checkpoint leaves its name free.

        Raises:
            DivergenceError: the loss or the gradient norm is not finite; names the step, the
                norm and the last good checkpoint.
            InputError: the run directory cannot be used, or the disk is full; says how to go on,
                or that the name is free.
        """
        was_there = self.directory.path.exists()
        if not self.resumes:
            self._create()
        with self._going_on(), self.directory.locked():
            if self.resumes:
                self._restore()
            first_step = self.trainer.progress.step
            try:
                self._train()
            except DivergenceError as error:
                good, _ = load_latest_checkpoint(self.directory.checkpoints)
                where = f"that of step {good.step}" if good else "none, it was too early"
                left = "" if good else f" {self._give_up(was_there)}"
                raise DivergenceError(f"{error} Last good checkpoint: {where}.{left}") from error
            except KeyboardInterrupt:
                self.log(f"go on with {self._resuming()}")
                raise
            except Exception as error:
                told_to_resume = self.resumes and isinstance(error, WriteError)
                if self.directory.has_checkpoint() or told_to_resume:
                    raise
                with _ending_in(self._give_up(was_there)), advised("try again"):
                    raise
            self.new_steps = self.trainer.progress.step - first_step
            self.trainer.use_best_weights()
            self.directory.write_weights(self.model)
            metrics = self.metrics()
            self.directory.write_metrics(metrics)
            self._draw()
        return metrics

    def export(self, write: Callable[[Path], Path]) -> None:
        """Export the model, if the options ask for it and these weights are not there already.

        Args:
            write: takes the directory `exported/<name>`, writes an export there, and returns the
                path of the version.

        Raises:
            InputError: it cannot be written; says how to export later.
        """
        step = self.trainer.progress.step
        if not self.options.export:
            return
        made = self.directory.exported_version(step)
        if made and made.is_dir() and made.parent.resolve() == self.export_path.resolve():
            self.log(f"exported before, to {made}")
            return
        try:
            path = write(self.export_path)
        except InputError as error:
            raise InputError(
                f"{error} The run itself is whole: `{self._resuming()}` exports it."
            ) from error
        self.log(f"exported  {path}")
        with self._going_on():
            self.directory.note_export(step, path)

    def _check_export_dir(self, options: Any) -> None:
        """Raise InputError where the export that the options ask for could not be written."""
        self.export_path = Path(options.export_dir, self.directory.name)
        if options.export:
            check_writable(self.export_path, "--export-dir")

    def _keep_report(self, report: Report) -> Path:
        """Write `report.html` and return its path."""
        with self._going_on():
            return report.write(self.directory.report)

    def _going_on(self) -> contextlib.AbstractContextManager[None]:
        """Errors of the disk in the block end the run, and say how to go on with it."""
        return advised(f"go on with `{self._resuming()}`")

    def _resuming(self) -> str:
        return f"--resume --run-dir {shlex.quote(str(self.directory.path))}"

    def _give_up(self, was_there: bool) -> str:
        """Remove a run that has no checkpoint; returns a sentence on its name.

        Args:
            was_there: whether there was a directory before this process made the run.
        """
        if self.resumes:
            return f"Nothing is there to go on from: {self.directory.how_to_free()}."
        self.directory.discard()
        if not was_there:
            with contextlib.suppress(OSError):
                self.directory.path.rmdir()
        return f"Nothing was kept: {self.directory.path} is free again."

    def _train(self) -> None:
        trainer, progress = self.trainer, self.trainer.progress
        clock = _Clock(self.options.checkpoint_seconds)
        with EventLog(self.directory.tensorboard, first_step=progress.epoch + 1) as events:
            while not trainer.finished:
                with self._bar() as update:
                    for figures in trainer.train_epoch():
                        update(figures)
                        if clock.due():
                            save_checkpoint(self.directory.checkpoints, trainer.checkpoint())
                row = progress.history[-1]
                self._epoch_ended(row)
                events.write(row["epoch"], row)
                self._write_history()
                if self.options.verbose != "quiet":
                    self.log(self._describe_epoch(row))
                saving = trainer.finished or row["epoch"] == 1 or clock.due()
                validates = progress.best_epoch is not None
                # Raises where the last update left weights that are not finite.
                checkpoint = trainer.checkpoint() if saving else None
                if row["epoch"] == progress.best_epoch or (saving and not validates):
                    self.directory.write_weights(self.model)
                if checkpoint is not None:
                    save_checkpoint(self.directory.checkpoints, checkpoint)
                    self._draw()

    def _restore(self) -> None:
        self.directory.remove_leftovers()
        checkpoint, damaged = load_latest_checkpoint(self.directory.checkpoints)
        for path in damaged:
            self.log(f"warning: checkpoint {path.name} is damaged; it was passed over")
        if checkpoint is not None:
            self.trainer.restore(checkpoint)
            progress = self.trainer.progress
            if self.options.epochs < progress.epoch:
                raise InputError(
                    f"`--epochs` must not be less than the {progress.epoch} that the run has "
                    f"done. Received: {self.options.epochs}."
                )
            if self.trainer.finished:
                self.log("the run is finished; nothing is left to train")
            else:
                self.log(f"resumed at step {progress.step}, epoch {progress.epoch + 1}")
        elif damaged:
            raise InputError(
                f"`--run-dir` {self.directory.path}: no checkpoint is sound. Start a new run."
            )
        else:
            self.log("the run has no checkpoint yet; it starts from the beginning")
        self.directory.write_options(self.options)
        self._write_history()

    def _bar(self) -> contextlib.AbstractContextManager[Callable[[dict[str, float]], None]]:
        progress, verbose = self.trainer.progress, self.options.verbose
        shown = verbose == "bar" or (verbose == "auto" and sys.stdout.isatty())
        steps = self.trainer.steps_in_epoch(progress.epoch) if shown else 0
        return progress_bar(steps, lambda: progress.batch)


@contextlib.contextmanager
def _ending_in(sentence: str) -> Iterator[None]:
    """Add a sentence to an error in the block: to its message, where no more than that is shown."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{error} {sentence}") from error
    except Exception as error:
        error.add_note(sentence)
        raise


class _Clock:
    """Says that it is time, once every so many seconds."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
