"""A training run from options to a finished directory: checked, prepared, then fitted."""

import contextlib
import dataclasses
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfseq.data import encode_corpus
from tfseq.errors import InputError
from tfseq.text import CORPUS_NAMES, open_corpus
from tfseq.training.checkpoint import load_latest_checkpoint, save_checkpoint
from tfseq.training.curve import save_perplexity_curve
from tfseq.training.event_log import EventLog
from tfseq.training.messages import (
    describe_epoch,
    describe_model,
    describe_result,
    describe_run,
    indented,
    progress_bar,
)
from tfseq.training.options import TrainingOptions, check_same_run, read_saved_options
from tfseq.training.run_directory import RunDirectory, check_writable
from tfseq.training.trained_run import TrainedRun, build_model, build_tokenizer
from tfseq.training.trainer import DivergenceError, Trainer


class Run:
    """A run that is ready to train: all that can be wrong has been looked at.

    Attributes:
        options: the options, with every default filled in.
        directory: the `RunDirectory`.
        tokenizer, vocabulary, model: what is trained, and the way from text to its ids.
        corpus: the `EncodedCorpus`.
        trainer: the `Trainer`.
        new_steps: steps that `fit` has trained; 0 where a resumed run was finished before.

    Args:
        options: the options, checked (`tfseq.configuration.check_options`).
        log: where messages go, one line each.

    Raises:
        InputError: the corpus, the run directory or its checkpoints cannot be used. Nothing has
            been written to the run directory then.
    """

    def __init__(self, options: TrainingOptions, log: Callable[[str], None] = print):
        self.log = log
        options = options.with_defaults_filled()
        text = open_corpus(options.corpus, options.encoding_errors, options.text_field)
        self.directory = RunDirectory(
            Path(options.run_dir) if options.run_dir else _free_path(f"{text.name}_{options.cell}")
        )
        if options.resume:
            check_same_run(read_saved_options(self.directory.path), options)
        else:
            self.directory.check_free()
        if options.export:
            check_writable(options.export_dir, "--export-dir")
        self.name = text.name
        self.new_steps = 0
        self._resume = options.resume
        self.options = _as_saved(options, self.directory.path)

        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        self.tokenizer = build_tokenizer(options)
        self.corpus = encode_corpus(
            text,
            self.tokenizer,
            min_frequency=options.min_frequency,
            max_size=options.max_vocabulary,
            max_tokens=options.max_tokens,
            validation_fraction=options.validation_fraction,
        )
        self.vocabulary = self.corpus.vocabulary
        if len(self.vocabulary) == 1:
            raise InputError(
                "The vocabulary holds <unk> alone: there is nothing to tell apart. Lower "
                "`--min-frequency`, or raise `--max-vocabulary`."
            )
        if options.resume:
            self.directory.check_corpus(self.corpus.fingerprint)
        self.model = build_model(options, len(self.vocabulary))
        self.trainer = Trainer(self.model, options, self.corpus.train, self.corpus.validation)

    def summary(self) -> str:
        """The text, the model and the place of the run, in three lines."""
        return describe_run(
            self.options,
            corpus_name=self.name,
            num_train=len(self.corpus.train),
            num_validation=len(self.corpus.validation),
            vocabulary_size=len(self.vocabulary),
            num_parameters=self.model.count_params(),
            place=self.directory.path,
        )

    def result(self, metrics: dict[str, Any]) -> str:
        """The figures a person asks for first, in a line or two."""
        return describe_result(self.options, metrics)

    def fit(self, sample: Callable[[], str] | None = None) -> dict[str, Any]:
        """Train to the end, leave the best weights in the model, and return the metrics.

        Args:
            sample: gives a text that the model writes with its present weights.

        Raises:
            DivergenceError: the loss or the gradient norm is not finite; names the step, the
                norm and the last good checkpoint.
            InputError: the run directory cannot be used.
        """
        if not self._resume:
            self.directory.create(self.options, self.vocabulary, self.corpus.fingerprint)
        with self.directory.locked():
            if self._resume:
                self._restore()
            first_step = self.trainer.progress.step
            try:
                self._train(sample)
            except DivergenceError as error:
                good, _ = load_latest_checkpoint(self.directory.checkpoints)
                where = f"that of step {good.step}" if good else "none, it was too early"
                raise DivergenceError(f"{error} Last good checkpoint: {where}.") from error
            except KeyboardInterrupt:
                self.log(f"go on with --resume --run-dir {shlex.quote(str(self.directory.path))}")
                raise
            self.new_steps = self.trainer.progress.step - first_step
            self.trainer.use_best_weights()
            self.directory.write_weights(self.model)
            metrics = self.metrics()
            self.directory.write_metrics(metrics)
            self._draw()
        return metrics

    def trained(self) -> TrainedRun:
        """The run as `load_run` would read it back, after `fit`."""
        return TrainedRun(self.directory, self.options, self.tokenizer, self.vocabulary, self.model)

    def metrics(self) -> dict[str, Any]:
        """The figures of the run so far, as `metrics.json` holds them."""
        progress, corpus = self.trainer.progress, self.corpus
        last = progress.history[-1] if progress.history else {}
        best = next((r for r in progress.history if r["epoch"] == progress.best_epoch), {})
        trained = sum(row["tokens"] for row in progress.history)
        return {
            "corpus_tokens": len(corpus.ids),
            "train_tokens": len(corpus.train),
            "validation_tokens": len(corpus.validation),
            "vocabulary_size": len(self.vocabulary),
            "num_parameters": self.model.count_params(),
            "validation_perplexity": best.get("validation_perplexity"),
            "validation_bits_per_token": best.get("validation_bits_per_token"),
            "train_perplexity": last.get("train_perplexity"),
            "best_epoch": progress.best_epoch,
            "epochs": progress.epoch,
            "stopped_early": progress.stopped_early,
            "steps": progress.step,
            "training_seconds": round(progress.seconds, 3),
            "tokens_per_second": round(trained / progress.seconds) if progress.seconds else None,
            "seed": self.options.seed,
            "corpus_fingerprint": corpus.fingerprint,
            "tensorflow_version": tf.__version__,
            "keras_version": keras.__version__,
            "python_version": ".".join(map(str, sys.version_info[:3])),
        }

    def _train(self, sample: Callable[[], str] | None) -> None:
        trainer, progress, options = self.trainer, self.trainer.progress, self.options
        clock = _Clock(options.checkpoint_seconds)
        with EventLog(self.directory.tensorboard, first_step=progress.epoch + 1) as events:
            while not trainer.finished:
                with self._bar() as update:
                    for figures in trainer.train_epoch():
                        update(figures)
                        if clock.due():
                            self._save()
                row = progress.history[-1]
                if sample and options.sample_epochs and row["epoch"] % options.sample_epochs == 0:
                    progress.samples.append({"epoch": row["epoch"], "text": sample()})
                events.write(row["epoch"], row)
                self._report(row)
                saving = trainer.finished or row["epoch"] == 1 or clock.due()
                if row["epoch"] == progress.best_epoch or (saving and not self._validates):
                    self.directory.write_weights(self.model)
                if saving:
                    self._save()
                    self._draw()

    @property
    def _validates(self) -> bool:
        return len(self.corpus.validation) > 0

    def _save(self) -> None:
        save_checkpoint(self.directory.checkpoints, self.trainer.checkpoint())

    def _restore(self) -> None:
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
        self.directory.write_history(self.trainer.progress.history)
        self.directory.write_samples(self.trainer.progress.samples)

    def _report(self, row: dict[str, Any]) -> None:
        progress = self.trainer.progress
        self.directory.write_history(progress.history)
        self.directory.write_samples(progress.samples)
        if self.options.verbose == "quiet":
            return
        self.log(describe_epoch(row, self.options.epochs, progress.stopped_early))
        if progress.samples and progress.samples[-1]["epoch"] == row["epoch"]:
            self.log(indented(progress.samples[-1]["text"]))

    def _bar(self) -> contextlib.AbstractContextManager[Callable[[dict[str, float]], None]]:
        progress, verbose = self.trainer.progress, self.options.verbose
        shown = verbose == "bar" or (verbose == "auto" and sys.stdout.isatty())
        steps = self.trainer.steps_in_epoch(progress.epoch) if shown else 0
        return progress_bar(steps, lambda: progress.batch)

    def _draw(self) -> None:
        save_perplexity_curve(
            self.trainer.progress.history,
            self.directory.curve,
            title=f"{self.directory.name}: {describe_model(self.options)}",
        )


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


def _as_saved(options: TrainingOptions, path: Path) -> TrainingOptions:
    """The options as `config.json` keeps them: good from any directory, and for any start."""
    corpus = options.corpus
    if corpus not in CORPUS_NAMES:
        corpus = os.path.abspath(corpus)
    return dataclasses.replace(options, corpus=corpus, run_dir=str(path), resume=False, config=None)


def _free_path(name: str) -> Path:
    """`runs/name`, or the first of `runs/name-2`, `runs/name-3`, ... that is not there."""
    path, number = Path("runs", name), 1
    while path.exists():
        number += 1
        path = Path("runs", f"{name}-{number}")
    return path
