"""Training of a language model: a text, truncated back-propagation, perplexity, samples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data import EncodedCorpus, encode_corpus
from tfseq.metrics.perplexity import bits, perplexity
from tfseq.models import LanguageModel
from tfseq.report import Report
from tfseq.report.curve import PERPLEXITY, save_curves
from tfseq.runs.objective import Objective
from tfseq.runs.open_run import as_saved, open_run
from tfseq.runs.progress import Progress
from tfseq.runs.training_run import TrainingRun
from tfseq.serving.signatures.in_graph import OR_NO_EXPORT, check_in_graph
from tfseq.tasks.language_model.baseline import measure_baseline, order_for
from tfseq.tasks.language_model.evaluation import Evaluator
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.task import LanguageModelTask, build_model, describe_model
from tfseq.tasks.language_model.windows import (
    batch_specs,
    resetting,
    schedule_steps,
    training_windows,
)
from tfseq.tasks.task import short_name, tokenizer_of
from tfseq.tasks.vocabulary_check import check_tells_apart
from tfseq.text import open_corpus


def language_model_objective(
    model: LanguageModel,
    options: LanguageModelOptions,
    train_ids: np.ndarray,
    validation_ids: np.ndarray,
) -> Objective:
    """Truncated back-propagation through time, on windows of T tokens.

    L = −(1 / BT) Σ log P(y_t). With sequential sampling the next window starts from the state
    that this one ended with, as a constant: the gradient is cut there. With random sampling it
    starts from zeros.

    Args:
        model: the language model.
        options: with no field left None that `with_defaults_filled` fills.
        train_ids: integer `[N]`.
        validation_ids: integer `[M]`, the ids that follow; empty: no validation.

    Raises:
        InputError: too little text for one batch.
    """
    evaluator = Evaluator(model, batch_size=options.batch_size)

    def loss(batch, states):
        inputs, targets = batch
        logits, after = model(inputs, states=states, return_states=True, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            targets, tf.cast(logits, tf.float32)
        )
        carried = after if options.sampling == "sequential" else states
        return tf.reduce_mean(losses), tf.size(targets), carried

    def validate() -> dict[str, float]:
        validation = evaluator(validation_ids, context=int(train_ids[-1]))
        return {
            "validation_loss": validation.mean_cross_entropy,
            "validation_perplexity": validation.perplexity,
            "validation_bits_per_token": validation.bits_per_token,
        }

    return Objective(
        model,
        lambda epoch, start_batch: training_windows(options, train_ids, epoch, start_batch),
        resetting(loss) if options.state_reset else loss,
        initial_states=lambda: model.initial_states(options.batch_size),
        validate=validate if len(validation_ids) else None,
        train_metrics=lambda loss: {
            "train_loss": loss,
            "train_perplexity": perplexity(loss),
            "train_bits_per_token": bits(loss),
        },
        targets="tokens",
        independent_rows=True,
        batch_specs=batch_specs(options),
    )


def prepare(
    options: LanguageModelOptions, log: Callable[[str], None] = print
) -> "LanguageModelTraining":
    """Open the corpus and the run directory, and build the model.

    Raises:
        InputError: the corpus, the run directory or its checkpoints cannot be used, or the
            tokenizer cannot be exported. Nothing has been written to the run directory then.
    """
    options = options.with_defaults_filled()
    text = open_corpus(options.corpus, options.encoding_errors, options.text_field)
    directory = open_run(options, f"{text.name}_{short_name(options.cell)}")
    tokenizer = tokenizer_of(options)
    if options.export:
        check_in_graph(tokenizer, "tokenize", "detokenize", "join", advice=OR_NO_EXPORT)
    corpus = encode_corpus(
        text,
        tokenizer,
        min_frequency=options.min_frequency,
        max_size=options.max_vocabulary,
        max_tokens=options.max_tokens,
        validation_fraction=options.validation_fraction,
    )
    check_tells_apart(corpus.vocabulary)
    model = build_model(options, len(corpus.vocabulary))
    saved = as_saved(options, directory.path)
    task = LanguageModelTask(directory, saved, model, tokenizer, corpus.vocabulary)

    def add_sample(row: Mapping[str, Any], progress: Progress) -> None:
        if options.sample_epochs and row["epoch"] % options.sample_epochs == 0:
            progress.samples.append({"epoch": row["epoch"], "text": task.sample(200)})

    def draw(history: Sequence[Mapping[str, Any]]) -> None:
        title = f"{directory.name}: {describe_model(options)}"
        save_curves(history, directory.perplexity_curve, [PERPLEXITY], title)

    run = TrainingRun(
        options,
        directory,
        language_model_objective(model, options, corpus.train, corpus.validation),
        fingerprint=corpus.fingerprint,
        data="`corpus`: the text",
        vocabulary=corpus.vocabulary,
        steps_per_epoch=schedule_steps(options, len(corpus.train)),
        describe_epoch=describe_epoch,
        draw=draw,
        epoch_ended=add_sample,
        log=log,
    )
    return LanguageModelTraining(run, task, corpus, text.name)


@dataclass
class LanguageModelTraining:
    """A language model that is ready to train: all that can be wrong has been looked at.

    Attributes:
        run: the `TrainingRun`.
        task: the `LanguageModelTask`, whose model it trains.
        corpus: the `EncodedCorpus`.
        name: the corpus's name.
    """

    run: TrainingRun
    task: LanguageModelTask
    corpus: EncodedCorpus
    name: str
    final_sample: str = ""

    def summary(self) -> str:
        """The text, the model and the place of the run, in three lines."""
        corpus, unit = self.corpus, self.task.unit
        return (
            f"text   {self.name}: {len(corpus.train):,} {unit}s to train on, "
            f"{len(corpus.validation):,} to validate, {len(corpus.vocabulary):,} symbols\n"
            f"model  {describe_model(self.run.options)}: {self.run.model.count_params():,} "
            f"parameters\nrun    {self.run.directory.path}\n"
        )

    def evaluate(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """Sizes, and what n-gram counts achieve, which depends on the text alone."""
        corpus = self.corpus
        metrics = {
            "corpus_tokens": len(corpus.ids),
            "train_tokens": len(corpus.train),
            "validation_tokens": len(corpus.validation),
            "vocabulary_size": len(corpus.vocabulary),
        }
        if not len(corpus.validation):
            metrics |= {"validation_perplexity": None, "validation_bits_per_token": None}
        known = {name: value for name, value in saved.items() if name.startswith("baseline_")}
        if not self.run.options.baseline or not len(corpus.validation):
            return {**metrics, "baseline_perplexity": None}
        if known.get("baseline_perplexity") is not None:
            return metrics | known
        baseline = measure_baseline(
            corpus.train,
            corpus.validation,
            len(corpus.vocabulary),
            order_for(self.run.options.tokenizer),
        )
        return metrics | {
            "baseline_perplexity": baseline.perplexity,
            "baseline_bits_per_token": baseline.bits_per_token,
            "baseline_order": baseline.order,
            "baseline_train_tokens": baseline.train_tokens,
            "baseline_validation_tokens": baseline.validation_tokens,
        }

    def result(self, metrics: Mapping[str, Any]) -> str:
        """The metrics a person asks for first, and a sample of text."""
        self.final_sample = self.task.sample(400)
        return f"{describe_result(metrics, self.task.unit)}\n\n{self.final_sample}"

    def report(self, metrics: Mapping[str, Any]) -> Report:
        """The page of the finished run."""
        from tfseq.tasks.language_model.report import language_model_report

        progress = self.run.trainer.progress
        samples = list(progress.samples)
        if self.final_sample:
            caption = "at the end, with the best weights"
            samples.append({"text": self.final_sample, "caption": caption})
        return language_model_report(self.task, self.corpus, progress.history, samples, metrics)


def describe_epoch(row: Mapping[str, Any], progress: Progress) -> str:
    """Perplexities, learning rate and speed."""
    text = f"training {row['train_perplexity']:7.3f}"
    if "validation_perplexity" in row:
        text += f"  validation {row['validation_perplexity']:7.3f}"
    text += f"  learning rate {row['learning_rate']:.2g}"
    if row["seconds"]:
        text += f"  {row['tokens'] / row['seconds']:,.0f} tokens/s"
    return text


def describe_result(metrics: Mapping[str, Any], unit: str) -> str:
    """The metrics a person asks for first, a line each."""
    lines = []
    if metrics["validation_perplexity"] is not None:
        lines.append(
            f"validation perplexity {metrics['validation_perplexity']:.3f} per {unit} "
            f"({metrics['validation_bits_per_token']:.3f} bits), best after epoch "
            f"{metrics['best_epoch']} of {metrics['epochs']}"
        )
    if metrics["baseline_perplexity"] is not None:
        lines.append(_describe_baseline(metrics, unit))
    lines.append(
        f"training perplexity {metrics['train_perplexity']:.3f}; "
        f"{metrics['training_seconds']:,.0f} s of training, "
        f"{metrics['tokens_per_second']:,} {unit}s/s"
    )
    return "\n".join(lines)


def _describe_baseline(metrics: Mapping[str, Any], unit: str) -> str:
    text = (
        f"baseline perplexity   {metrics['baseline_perplexity']:.3f} per {unit} "
        f"({metrics['baseline_bits_per_token']:.3f} bits), {metrics['baseline_order']}-gram "
        "counts with Kneser-Ney smoothing"
    )
    read = [
        f"the {end} {metrics[f'baseline_{split}_tokens']:,} {unit}s of the {split}{ing} split"
        for split, ing, end in (("train", "ing", "last"), ("validation", "", "first"))
        if metrics[f"baseline_{split}_tokens"] < metrics[f"{split}_tokens"]
    ]
    return text + (f", of {' and '.join(read)} alone" if read else "")
