"""A training run: a directory, a trainer, and the way from one to the other."""

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tfseq.errors import InputError
from tfseq.files.atomic_file import WriteError, advised
from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.determinism import deterministic_operations
from tfseq.runs.event_log import EventLog
from tfseq.runs.objective import Objective
from tfseq.runs.open_run import as_saved
from tfseq.runs.progress import Progress
from tfseq.runs.progress_bar import progress_bar
from tfseq.runs.run_directory import RunDirectory
from tfseq.runs.steps.clock import Clock
from tfseq.runs.steps.minute_lines import minute_lines
from tfseq.runs.trainer import DivergenceError, Trainer
from tfseq.runs.training_metrics import describe_losses, training_metrics
from tfseq.runs.workers.workers import present_workers
from tfseq.text import Vocabulary

Row = Mapping[str, Any]


class TrainingRun:
    """A run that is ready to train: all that can be wrong has been looked at.

    A run that is killed and resumed ends with the same weights, bit for bit, as one that was
    never interrupted.

    Args:
        options: the options.
        directory: from `open_run`.
        objective: what is to be learned.
        fingerprint: a digest of the data: the run goes on with no other.
        data: how an error calls the data.
        vocabulary: kept as `vocabulary.txt`, or None.
        files: name -> content of other files that the run begins with.
        steps_per_epoch: see `Trainer`.
        describe_epoch: (row of history, progress) -> what is said of an epoch, after its number.
        draw: draws the curves of a history.
        epoch_ended: called with a row and the progress, before the row is reported.
        log: where messages go, one line each.

    Attributes:
        trainer: the `Trainer`.
        options: the options as `config.json` keeps them: good from any directory.
        export_path: the directory `EXPORT_DIR/NAME`, as the options that were given name it.
        new_steps: steps that `fit` has trained; 0 where a resumed run was finished before.

    Raises:
        InputError: the data are not those that the run began with.
    """

    def __init__(
        self,
        options: TrainingOptions,
        directory: RunDirectory,
        objective: Objective,
        *,
        fingerprint: str,
        data: str = "the data",
        vocabulary: Vocabulary | None = None,
        files: Mapping[str, bytes] = MappingProxyType({}),
        steps_per_epoch: float | None = None,
        describe_epoch: Callable[[Row, Progress], str] = describe_losses,
        draw: Callable[[Sequence[Row]], None] = lambda history: None,
        epoch_ended: Callable[[Row, Progress], None] = lambda row, progress: None,
        log: Callable[[str], None] = print,
    ):
        if options.resume:
            directory.check_fingerprint(fingerprint, data)
        self.resumes = options.resume
        self.options = as_saved(options, directory.path)
        self.export_path = directory.export_path(options.export_dir)
        self.directory = directory
        self.fingerprint = fingerprint
        self.vocabulary, self.files = vocabulary, files
        self.model = objective.model
        self.trainer = Trainer(objective, options, steps_per_epoch, present_workers())
        self.describe_epoch = describe_epoch
        self.draw, self.epoch_ended, self.log = draw, epoch_ended, log
        self.new_steps = 0

    def fit(
        self,
        evaluate: Callable[[Row], Row] = lambda saved: {},
        elsewhere: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Train to the end, leave the best weights in the model, and return the metrics.

        A new run that fails before its first checkpoint leaves its name free.

        Args:
            evaluate: gives what `metrics.json` says besides, once the model has its best weights.
                It is handed what `metrics.json` said of these same weights before, or nothing.
            elsewhere: trains in place of this process, and leaves the last checkpoint behind.

        Raises:
            DivergenceError: the loss or the gradient norm is not finite; names the step, the
                norm and the last good checkpoint.
            InputError: the run directory cannot be used, or the disk is full; says how to go on,
                or that the name is free.
        """
        was_there = self.directory.path.exists()
        if not self.resumes:
            self.directory.create(self.options, self.vocabulary, self.fingerprint, self.files)
        with self.going_on(), self.directory.locked(), deterministic_operations():
            if self.resumes:
                self._restore()
            first_step = self.trainer.progress.step
            try:
                if elsewhere is None or self.trainer.finished:
                    self.train()
                else:
                    elsewhere()
                    self.trainer.restore(load_latest_checkpoint(self.directory.checkpoints)[0])
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
            try:
                saved = self.directory.read_metrics()
            except InputError:  # They are about to be replaced.
                saved = {}
            same = saved.get("steps") == self.trainer.progress.step and not self.new_steps
            metrics = training_metrics(self.trainer, self.fingerprint)
            metrics |= evaluate(saved if same else {})
            self.directory.write_metrics(metrics)
            self.draw(self.trainer.progress.history)
        return metrics

    def export(self, write: Callable[[Path], Path]) -> None:
        """Export the model, if the options ask for it and these weights are not there already.

        Args:
            write: takes the directory `EXPORT_DIR/NAME`, writes an export there, and returns the
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
        with self.going_on():
            self.directory.note_export(step, path)

    def going_on(self) -> contextlib.AbstractContextManager[None]:
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
        self.directory.discard(self.files)
        if not was_there:
            with contextlib.suppress(OSError):
                self.directory.path.rmdir()
        return f"Nothing was kept: {self.directory.path} is free again."

    def train(self) -> None:
        """The epochs that are left, and what is written on the way; each worker calls it."""
        trainer, progress, workers = self.trainer, self.trainer.progress, self.trainer.workers
        writes, several = workers.rank == 0, workers.size > 1
        clock = Clock(self.options.checkpoint_seconds)
        with self._events() if writes else contextlib.nullcontext() as events:
            while not trainer.finished:
                with self._bar() as update:
                    for metrics in trainer.train_epoch():
                        update(metrics)
                        if workers.agreed(clock.due):
                            checkpoint = trainer.checkpoint()
                            if writes:
                                save_checkpoint(self.directory.checkpoints, checkpoint)
                row = progress.history[-1]
                if writes:
                    self._tell(row, events)
                saving = several or trainer.finished or row["epoch"] == 1 or clock.due()
                validates = progress.best_epoch is not None
                # Raises where the last update left weights that are not finite.
                checkpoint = trainer.checkpoint() if saving else None
                if not writes:
                    continue
                if row["epoch"] == progress.best_epoch or (saving and not validates):
                    with trainer.averaged():
                        self.directory.write_weights(self.model)
                if checkpoint is not None:
                    save_checkpoint(self.directory.checkpoints, checkpoint)
                    self.draw(progress.history)

    def _tell(self, row: Row, events: EventLog) -> None:
        """Write down what an epoch came to."""
        progress = self.trainer.progress
        with self.trainer.averaged():
            self.epoch_ended(row, progress)
        events.write(row["epoch"], row)
        self._write_history()
        if self.options.verbose != "quiet":
            sample = progress.sample_of(row["epoch"])
            stopped = "  (no longer better: stopped)" if progress.stopped_early else ""
            number = f"{row['epoch']:>{len(str(self.options.epochs))}}"
            told = self.describe_epoch(row, progress)
            self.log(f"epoch {number}/{self.options.epochs}  {told}{stopped}{sample}")

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
                    f"`epochs` must not be less than the {progress.epoch} that the run has "
                    f"done. Received: {self.options.epochs}."
                )
            if self.trainer.finished:
                self.log("the run is finished; nothing is left to train")
            else:
                self.log(f"resumed at step {progress.step}, epoch {progress.epoch + 1}")
        elif damaged:
            raise InputError(
                f"`run_dir` {self.directory.path}: all checkpoints are damaged. Start a new run."
            )
        else:
            self.log("the run has no checkpoint yet; it starts from the beginning")
        self.directory.write_options(self.options)
        self._write_history()

    def _events(self) -> EventLog:
        return EventLog(self.directory.tensorboard, first_step=self.trainer.progress.epoch + 1)

    def _write_history(self) -> None:
        progress = self.trainer.progress
        self.directory.write_history(progress.history)
        if progress.samples:
            self.directory.write_samples(progress.samples)

    def _bar(self) -> contextlib.AbstractContextManager[Callable[[Mapping[str, float]], None]]:
        progress, verbose = self.trainer.progress, self.options.verbose
        if self.trainer.workers.size > 1 and verbose != "quiet":
            return minute_lines(progress, self.log, self.trainer.objective.targets)
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
