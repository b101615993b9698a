"""A training run from options to a finished directory: checked, prepared, then fitted."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfseq.data import encode_corpus
from tfseq.files.result_directory import free_path
from tfseq.options.saving import absolute_paths, normalized
from tfseq.report.curve import save_perplexity_curve
from tfseq.runs.run_directory import RunDirectory
from tfseq.runs.training_run import CheckpointedRun
from tfseq.tasks.language_model.baseline import ORDERS, measure_baseline
from tfseq.tasks.language_model.messages import (
    describe_epoch,
    describe_model,
    describe_result,
    describe_run,
    indented,
)
from tfseq.tasks.language_model.options import TrainingOptions, check_same_run, read_saved_options
from tfseq.tasks.language_model.trained_run import TrainedRun, build_model, build_tokenizer
from tfseq.tasks.language_model.trainer import Trainer
from tfseq.tasks.supervised.vocabulary_check import check_tells_apart
from tfseq.text import CORPUS_NAMES, open_corpus


class Run(CheckpointedRun):
    """A run that is ready to train: all that can be wrong has been looked at.

    Attributes:
        options: the options, with every default filled in.
        directory: the `RunDirectory`.
        tokenizer, vocabulary, model: what is trained, and the way from text to its ids.
        corpus: the `EncodedCorpus`.
        trainer: the `Trainer`.
        new_steps: steps that `fit` has trained; 0 where a resumed run was finished before.

    Args:
        options: the options, checked (`tfseq.options.rules.check_options`).
        log: where messages go, one line each.

    Raises:
        InputError: the corpus, the run directory or its checkpoints cannot be used. Nothing has
            been written to the run directory then.
    """

    def __init__(self, options: TrainingOptions, log: Callable[[str], None] = print):
        self.log = log
        options = normalized(options).with_defaults_filled()
        text = open_corpus(options.corpus, options.encoding_errors, options.text_field)
        self.directory = RunDirectory(
            Path(options.run_dir) if options.run_dir else free_path(f"{text.name}_{options.cell}")
        )
        if options.resume:
            check_same_run(read_saved_options(self.directory.path), options)
        else:
            self.directory.check_free()
        self._check_export_dir(options)
        self.name = text.name
        self.resumes = options.resume
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
        check_tells_apart(self.vocabulary)
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
        self._sample = sample
        return super().fit()

    def trained(self) -> TrainedRun:
        """The run as `load_run` would read it back, after `fit`."""
        return TrainedRun(self.directory, self.options, self.tokenizer, self.vocabulary, self.model)

    def write_report(self, metrics: dict[str, Any], sample: str = "") -> Path:
        """Write `report.html`, after `fit`, and return its path.

        Args:
            metrics: what `fit` returned.
            sample: a text that the finished model wrote.
        """
        from tfseq.tasks.language_model.report import language_model_report

        progress = self.trainer.progress
        samples = list(progress.samples)
        if sample:
            samples.append({"text": sample, "caption": "at the end, with the best weights"})
        report = language_model_report(
            self.trained(), self.corpus, progress.history, samples, metrics
        )
        return self._keep_report(report)

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
            **self._baseline(),
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

    def _baseline(self) -> dict[str, Any]:
        """What n-gram counts achieve, measured anew: it depends on the text alone."""
        corpus = self.corpus
        if not self.options.baseline or len(corpus.validation) == 0:
            return {"baseline_perplexity": None}
        baseline = measure_baseline(
            corpus.train, corpus.validation, len(self.vocabulary), ORDERS[self.options.tokenizer]
        )
        return {
            "baseline_perplexity": baseline.perplexity,
            "baseline_bits_per_token": baseline.bits_per_token,
            "baseline_order": baseline.order,
            "baseline_train_tokens": baseline.train_tokens,
            "baseline_validation_tokens": baseline.validation_tokens,
        }

    def _create(self) -> None:
        self.directory.create(self.options, self.vocabulary, self.corpus.fingerprint)

    def _epoch_ended(self, row: dict[str, Any]) -> None:
        epochs = self.options.sample_epochs
        if self._sample and epochs and row["epoch"] % epochs == 0:
            sample = {"epoch": row["epoch"], "text": self._sample()}
            self.trainer.progress.samples.append(sample)

    def _write_history(self) -> None:
        self.directory.write_history(self.trainer.progress.history)
        self.directory.write_samples(self.trainer.progress.samples)

    def _describe_epoch(self, row: dict[str, Any]) -> str:
        progress = self.trainer.progress
        text = describe_epoch(row, self.options.epochs, progress.stopped_early)
        if progress.samples and progress.samples[-1]["epoch"] == row["epoch"]:
            text += "\n" + indented(progress.samples[-1]["text"])
        return text

    def _draw(self) -> None:
        save_perplexity_curve(
            self.trainer.progress.history,
            self.directory.curve,
            title=f"{self.directory.name}: {describe_model(self.options)}",
        )


def _as_saved(options: TrainingOptions, path: Path) -> TrainingOptions:
    """The options as `config.json` keeps them: good from any directory, and for any start."""
    options = dataclasses.replace(options, run_dir=str(path), resume=False, config=None)
    return absolute_paths(options, names=CORPUS_NAMES)
