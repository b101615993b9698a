"""Training of a language model: a text, truncated back-propagation, perplexity, samples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfseq.cluster.text.text_cluster import text_cluster
from tfseq.data import EncodedCorpus
from tfseq.report import Report
from tfseq.report.curve import PERPLEXITY, save_curves
from tfseq.runs.open_run import as_saved, open_run
from tfseq.runs.progress import Progress
from tfseq.runs.training_run import TrainingRun
from tfseq.serving.signatures.in_graph import OR_NO_EXPORT, check_in_graph
from tfseq.tasks.language_model.baseline import MAX_ORDER, measure_baseline
from tfseq.tasks.language_model.evaluation.document_lengths import (
    count_documents,
    describe_lengths,
    measure_lengths,
)
from tfseq.tasks.language_model.evaluation.evaluation_figures import bits_of_text, unknown_words
from tfseq.tasks.language_model.evaluation.evaluator import test_metrics
from tfseq.tasks.language_model.evaluation.text_size import count_unknown, text_size
from tfseq.tasks.language_model.model_building import build_model, describe_model
from tfseq.tasks.language_model.objective import language_model_objective
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.task import LanguageModelTask
from tfseq.tasks.language_model.texts import (
    data_words,
    describe_files,
    open_texts,
    text_name,
    with_splits_named,
)
from tfseq.tasks.language_model.windows import schedule_steps
from tfseq.tasks.starting.layer_learning import freeze_embedding
from tfseq.tasks.starting.open_start import open_start
from tfseq.tasks.subwords import files_of_tokenizer, tokenizer_to_train
from tfseq.tasks.task import short_name
from tfseq.tasks.vocabulary_check import check_tells_apart


def prepare(
    options: LanguageModelOptions, log: Callable[[str], None] = print
) -> "LanguageModelTraining":
    """Open the corpus and the run directory, and build the model.

    Raises:
        InputError: the corpus, the run directory or its checkpoints cannot be used, or the
            tokenizer cannot be exported. Nothing has been written to the run directory then.
    """
    name = text_name(options)
    options = with_splits_named(options)
    start = open_start(options)
    options = start.with_shape(options)
    options.check_splits()
    texts = open_texts(options)
    options = options.with_defaults_filled(texts.of_characters(options.tokenizer))
    options.check_workers(options.batch_size)
    directory = open_run(options, f"{name}_{short_name(options.cell)}")
    with text_cluster(options.cluster, log) as cluster:
        texts.check(options, cluster)
        tokenizer = tokenizer_to_train(
            options,
            directory,
            lambda: texts.for_training(options),
            start.run,
            texts.sample(options, cluster),
        )
        if options.export:
            check_in_graph(tokenizer, "tokenize", "detokenize", "join", advice=OR_NO_EXPORT)
        start.check_room(options)
        corpus = texts.encode(options, tokenizer, known=start.known, cluster=cluster)
    check_tells_apart(corpus.vocabulary)
    options.check_softmax_of(len(corpus.vocabulary))
    model = build_model(options, len(corpus.vocabulary), corpus.vocabulary.document_ids)
    start.apply(model, corpus.vocabulary, options.seed)
    freeze_embedding(options, model)
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
        language_model_objective(
            model,
            options,
            corpus.train,
            corpus.validation,
            validation_context=int(corpus.before("validation")[-1]),
        ),
        fingerprint=corpus.fingerprint,
        data=data_words(options),
        vocabulary=corpus.vocabulary,
        files={**files_of_tokenizer(directory, tokenizer), **start.files},
        steps_per_epoch=schedule_steps(options, len(corpus.train)),
        describe_epoch=describe_epoch,
        draw=draw,
        epoch_ended=add_sample,
        log=log,
    )
    return LanguageModelTraining(run, task, corpus, name, start.note)


@dataclass
class LanguageModelTraining:
    """A language model that is ready to train: all that can be wrong has been looked at.

    Attributes:
        run: the `TrainingRun`.
        task: the `LanguageModelTask`, whose model it trains.
        corpus: the `EncodedCorpus`.
        name: the corpus's name.
        start: what was taken over at the start, in a line; empty where nothing was.
    """

    run: TrainingRun
    task: LanguageModelTask
    corpus: EncodedCorpus
    name: str
    start: str = ""
    final_sample: str = ""

    def summary(self) -> str:
        """The text, its files where there are several, the model and the place of the run."""
        corpus, unit = self.corpus, self.task.unit
        unknown = unknown_words(count_unknown(corpus.validation), len(corpus.validation))
        test = f"{len(corpus.test):,} to test, " if len(corpus.test) else ""
        files = describe_files(self.run.options)
        documents = count_documents(corpus)
        if documents:
            numbers = (f"{number:,}" for number in documents.values())
            documents = "{} to train on, {} to validate, {} to test".format(*numbers)
        return (
            f"text   {self.name}: {len(corpus.train):,} {unit}s to train on, "
            f"{len(corpus.validation):,} to validate{unknown}, {test}"
            f"{len(corpus.vocabulary):,} symbols\n"
            f"{f'files  {files}{chr(10)}' if files else ''}"
            f"{f'       documents: {documents}{chr(10)}' if documents else ''}"
            f"{f'start  {self.start}{chr(10)}' if self.start else ''}"
            f"model  {describe_model(self.run.options)}: {self.run.model.count_params():,} "
            f"parameters\nrun    {self.run.directory.path}\n"
        )

    def evaluate(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """Sizes, the figures of the test split, and what n-gram counts achieve."""
        corpus = self.corpus
        metrics = {
            "corpus_tokens": len(corpus.ids),
            "train_tokens": len(corpus.train),
            "validation_tokens": len(corpus.validation),
            "validation_unknown": count_unknown(corpus.validation),
            "vocabulary_size": len(corpus.vocabulary),
            **count_documents(corpus),
        }
        if corpus.end_id is not None:
            generator = self.task.generator if self.run.options.sample_epochs else None
            metrics |= measure_lengths(corpus, generator, self.run.options.seed)
        if not len(corpus.validation):
            metrics |= {"validation_perplexity": None, "validation_bits_per_token": None}
        metrics |= test_metrics(self.run.model, corpus, saved, self.run.options.batch_size)
        progress = self.run.trainer.progress
        best = [row for row in progress.history if row["epoch"] == progress.best_epoch]
        per_token = {
            "validation": best[0].get("validation_bits_per_token") if best else None,
            "test": metrics.get("test_bits_per_token"),
        }
        for split, bits in per_token.items():
            metrics |= _named(split, self._bits_of_text(split, bits))
        known = {name: value for name, value in saved.items() if name.startswith("baseline_")}
        if not self.run.options.baseline or not len(corpus.validation):
            return {**metrics, "baseline_perplexity": None}
        if known.get("baseline_perplexity") is not None:
            return metrics | known
        baseline = measure_baseline(
            corpus.train,
            corpus.validation,
            len(corpus.vocabulary),
            context=corpus.before("validation", MAX_ORDER),
            end_id=corpus.end_id,
        )
        return metrics | {
            "baseline_perplexity": baseline.perplexity,
            "baseline_bits_per_token": baseline.bits_per_token,
            "baseline_order": baseline.order,
            "baseline_train_tokens": baseline.train_tokens,
            "baseline_validation_tokens": baseline.validation_tokens,
            **_named(
                "baseline",
                self._bits_of_text(
                    "validation", baseline.bits_per_token, baseline.validation_tokens
                ),
            ),
        }

    def _bits_of_text(
        self, split: str, bits_per_token: float | None, stop: int | None = None
    ) -> dict[str, float]:
        """The bits of a character and of a byte in a split, or in its first tokens.

        None where tokens are characters, or where the text cannot be told.
        """
        ids = getattr(self.corpus, split)[:stop]
        if self.task.unit == "character" or bits_per_token is None or not len(ids):
            return {}
        figures = bits_of_text(
            bits_per_token, text_size(ids, self.task.tokenizer, self.corpus.vocabulary)
        )
        return {name: value for name, value in figures.items() if value is not None}

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


def _named(prefix: str, figures: Mapping[str, float]) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in figures.items()}


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
            f"({metrics['validation_bits_per_token']:.3f} bits{_per_part(metrics, 'validation')}), "
            f"best after epoch {metrics['best_epoch']} of {metrics['epochs']}"
        )
    if metrics.get("test_perplexity") is not None:
        lines.append(
            f"test perplexity       {metrics['test_perplexity']:.3f} per {unit} "
            f"({metrics['test_bits_per_token']:.3f} bits{_per_part(metrics, 'test')}, "
            f"{metrics['test_loss']:.4f} nats), "
            f"{metrics['test_tokens']:,} {unit}s"
        )
    if metrics["baseline_perplexity"] is not None:
        lines.append(_describe_baseline(metrics, unit))
    lines += describe_lengths(metrics, unit)
    lines.append(
        f"training perplexity {metrics['train_perplexity']:.3f}; "
        f"{metrics['training_seconds']:,.0f} s of training, "
        f"{metrics['tokens_per_second']:,} {unit}s/s"
    )
    return "\n".join(lines)


def _per_part(metrics: Mapping[str, Any], split: str) -> str:
    """The bits of a character and of a byte, where tokens are something else.

    >>> _per_part({"test_bits_per_character": 2.0, "test_bits_per_byte": 1.9}, "test")
    ', 2.000 per character, 1.900 per byte'
    """
    figures = ((part, metrics.get(f"{split}_bits_per_{part}")) for part in ("character", "byte"))
    return "".join(f", {bits:.3f} per {part}" for part, bits in figures if bits is not None)


def _describe_baseline(metrics: Mapping[str, Any], unit: str) -> str:
    text = (
        f"baseline perplexity   {metrics['baseline_perplexity']:.3f} per {unit} "
        f"({metrics['baseline_bits_per_token']:.3f} bits{_per_part(metrics, 'baseline')}), "
        f"{metrics['baseline_order']}-gram counts with Kneser-Ney smoothing"
    )
    read = [
        f"the {end} {metrics[f'baseline_{split}_tokens']:,} {unit}s of the {split}{ing} split"
        for split, ing, end in (("train", "ing", "last"), ("validation", "", "first"))
        if metrics[f"baseline_{split}_tokens"] < metrics[f"{split}_tokens"]
    ]
    return text + (f", of {' and '.join(read)} alone" if read else "")
