"""A run of a tagger, from sentences in columns to figures beside a simpler model."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data.labelled.code_names import code_names
from tfseq.data.labelled.labelled_sentences import read_conll
from tfseq.data.labelled.labelled_texts import split_examples
from tfseq.errors import InputError
from tfseq.metrics.classification import accuracy, confusion_matrix, f1_scores, macro_f1
from tfseq.metrics.span_f1 import names_spans, span_scores
from tfseq.models import Tagger
from tfseq.options.saving import normalized
from tfseq.report import Report
from tfseq.report.confusion_picture import CONFUSION_PICTURE, save_confusion_matrix
from tfseq.report.curve import Panel
from tfseq.tasks.supervised.predictor import Predictor, mean_cross_entropy
from tfseq.tasks.supervised.report_supervised import supervised_report
from tfseq.tasks.supervised.sequence_task import LabelledIds, fingerprint, sequence_task
from tfseq.tasks.supervised.supervised_run import LOSS, SupervisedRun
from tfseq.tasks.supervised.supervised_trainer import SupervisedTask
from tfseq.tasks.supervised.vocabulary_check import check_tells_apart
from tfseq.tasks.tagging.options import TaggerOptions
from tfseq.tasks.tagging.report import add_tagged_sentences
from tfseq.text import Vocabulary

ACCURACY = Panel("token accuracy", None, "validation_accuracy", best=max)


class TaggerRun(SupervisedRun):
    """A `SupervisedRun` of a `Tagger` on sentences with a tag for each token.

    The sentences are split at random into a part to train on, one that chooses the best epoch,
    and one that the figures are of: token accuracy, and the F1 of spans where the tags name some,
    else the mean F1 of the tags. Beside the model stand the most frequent tag, and the most
    frequent tag of each token.

    Attributes:
        data: the `LabelledSentences`.
        tags: the tags, in order.
        has_spans: whether they name spans.
        vocabulary: the tokens that are known.
        parts: `train`, `validation` and `test`, the numbers of their sentences.

    Args:
        options: the options.
        log: where messages go, one line each.
    """

    def __init__(self, options: TaggerOptions, log: Callable[[str], None] = print):
        options = normalized(options)
        self.data = (
            code_names()
            if options.data is None
            else read_conll(options.data, options.token_column, options.tag_column)
        )
        super().__init__(
            options,
            f"{self.data.name}_{options.cell}",
            self._prepare,
            panels=(LOSS, ACCURACY),
            free=frozenset({"data"}),
            log=log,
        )

    def summary(self) -> str:
        """The sentences, the model and the place of the run, in three lines."""
        sizes = {name: len(part) for name, part in self.parts.items()}
        return (
            f"sentences  {self.data.name}: {sizes['train']:,} to train on, "
            f"{sizes['validation']:,} to validate, {sizes['test']:,} to test; "
            f"{len(self.tags)} tags, {len(self.vocabulary):,} tokens\n"
            f"model      {self._model_name}, {self.options.units} units each "
            f"way: {self.model.count_params():,} parameters\n"
            f"run        {self.directory.path}\n"
        )

    def result(self, metrics: dict[str, Any]) -> str:
        """The figures on the sentences that were set apart, beside the baselines'."""
        key, name = self._f1_key, "span F1" if self.has_spans else "macro F1"
        rows = [(self._model_name, metrics["test_accuracy"], metrics[f"test_{key}"])]
        rows += [(n, b["accuracy"], b[key]) for n, b in metrics["baselines"].items()]
        head = f"on {len(self.parts['test']):,} sentences"
        width = max(len(head), *(len(name) for name, *_ in rows))
        lines = [f"{head:<{width}}  accuracy  {name:>8}"]
        lines += [f"{name:<{width}}  {a:8.3f}  {f:8.3f}" for name, a, f in rows]
        unknown = metrics["test_unknown_accuracy"]
        if unknown is not None:
            share = metrics["test_unknown_share"]
            lines.append(f"of tokens not seen in training ({share:.1%}): accuracy {unknown:.3f}")
        return "\n".join(lines)

    @property
    def _model_name(self) -> str:
        return f"bidirectional {self.options.cell.upper()}"

    @property
    def _f1_key(self) -> str:
        return "span_f1" if self.has_spans else "macro_f1"

    def _prepare(self, options: TaggerOptions) -> SupervisedTask:
        data = self.data
        self.tags = tuple(sorted({tag for sentence in data.tags for tag in sentence}))
        self.has_spans = names_spans(self.tags)
        if len(self.tags) < 2:
            raise InputError(f"All tokens of {data.name} have the tag {self.tags[0]!r}.")
        if len(data.tokens) == 1:
            raise InputError(
                f"{data.name} is one sentence, of {len(data.tokens[0]):,} tokens. Sentences are "
                "parted by empty lines."
            )
        names = ("train", "validation", "test")
        numbers = split_examples(
            len(data.tokens), options.validation_fraction, options.test_fraction, options.seed
        )
        self.parts = dict(zip(names, numbers, strict=True))
        counts = Counter(token for i in self.parts["train"] for token in data.tokens[i])
        self.vocabulary = Vocabulary.build(counts, options.min_frequency, options.max_vocabulary)
        check_tells_apart(self.vocabulary)
        self._ids = {name: self._encode(part, options) for name, part in self.parts.items()}
        model = Tagger(
            len(self.vocabulary),
            len(self.tags),
            cell=options.cell,
            units=options.units,
            num_layers=options.num_layers,
            dropout=options.dropout,
            embedding_size=options.embedding_size,
        )
        self._predict = Predictor(model)
        return sequence_task(
            model,
            self._ids["train"],
            options,
            self._validate,
            fingerprint=fingerprint(data.tokens, data.tags),
            evaluate=self._evaluate,
            vocabulary=self.vocabulary,
            files={"tags.json": (json.dumps(self.tags, indent=1) + "\n").encode()},
        )

    def _encode(self, part: np.ndarray, options: TaggerOptions) -> LabelledIds:
        known = {token: i for i, token in enumerate(self.vocabulary.tokens)}
        numbers = {tag: i for i, tag in enumerate(self.tags)}
        ids, targets = (
            tf.RaggedTensor.from_row_lengths(
                tf.constant([n for row in rows for n in row], tf.int32), [len(r) for r in rows]
            )
            for rows in (
                [
                    [known.get(t, 0) for t in self.data.tokens[i][: options.max_length]]
                    for i in part
                ],
                [[numbers[t] for t in self.data.tags[i][: options.max_length]] for i in part],
            )
        )
        return LabelledIds(ids, targets)

    def _validate(self) -> dict[str, float]:
        part = self._ids["validation"]
        logits = self._predict(part.ids)
        return {
            "validation_loss": mean_cross_entropy(logits, part.flat_targets),
            **{f"validation_{k}": v for k, v in self._scores(logits.argmax(1), part).items()},
        }

    def _scores(self, guesses: np.ndarray, part: LabelledIds) -> dict[str, float]:
        """Accuracy and F1 of guesses for all tokens of a part, row after row."""
        confusion = confusion_matrix(part.flat_targets, guesses, len(self.tags))
        if self.has_spans:
            expected = self._sentences(part.flat_targets, part)
            f1 = span_scores(expected, self._sentences(guesses, part))["f1"]
        else:
            f1 = macro_f1(confusion)
        return {"accuracy": accuracy(confusion), self._f1_key: f1}

    def _sentences(self, numbers: np.ndarray, part: LabelledIds) -> list[Sequence[str]]:
        tags = np.array(self.tags, object)[numbers]
        return np.split(tags, part.ids.row_splits.numpy()[1:-1])

    def _test_guesses(self) -> np.ndarray:
        return self._predict(self._ids["test"].ids).argmax(axis=1)

    def _evaluate(self) -> dict[str, Any]:
        test = self._ids["test"]
        guesses = self._test_guesses()
        right = guesses == test.flat_targets
        seen = {token for i in self.parts["train"] for token in self.data.tokens[i]}
        length = self.options.max_length
        words = [w for i in self.parts["test"] for w in self.data.tokens[i][:length]]
        unknown = np.array([word not in seen for word in words])
        more = {}
        if self.has_spans:
            scores = span_scores(
                self._sentences(test.flat_targets, test), self._sentences(guesses, test)
            )
            more = {f"test_span_{name}": scores[name] for name in ("precision", "recall")}
        confusion = confusion_matrix(test.flat_targets, guesses, len(self.tags))
        return {
            "sentences": len(self.data.tokens),
            **{f"{name}_sentences": len(part) for name, part in self.parts.items()},
            "num_tags": len(self.tags),
            "vocabulary_size": len(self.vocabulary),
            **{f"test_{name}": value for name, value in self._scores(guesses, test).items()},
            **more,
            "test_unknown_share": float(unknown.mean()),
            "test_unknown_accuracy": float(right[unknown].mean()) if unknown.any() else None,
            "test_f1": dict(zip(self.tags, map(float, f1_scores(confusion)), strict=True)),
            "baselines": self._baselines(),
        }

    def _baselines(self) -> dict[str, dict[str, float]]:
        test = self._ids["test"]
        all_tags, of_token = Counter(), defaultdict(Counter)
        for i in self.parts["train"]:
            for token, tag in zip(self.data.tokens[i], self.data.tags[i], strict=True):
                all_tags[tag] += 1
                of_token[token][tag] += 1
        most = self.tags.index(all_tags.most_common(1)[0][0])
        length = self.options.max_length
        words = [w for i in self.parts["test"] for w in self.data.tokens[i][:length]]
        usual = {t: self.tags.index(c.most_common(1)[0][0]) for t, c in of_token.items()}
        guesses = {
            "most frequent tag": np.full_like(test.flat_targets, most),
            "most frequent tag of the token": np.array([usual.get(w, most) for w in words]),
        }
        return {name: self._scores(guess, test) for name, guess in guesses.items()}

    def _draw(self) -> None:
        super()._draw()
        if self.trainer.finished:
            title = f"{self.directory.name}: tokens of {self.parts['test'].size:,} sentences"
            path = self.directory.path / CONFUSION_PICTURE
            save_confusion_matrix(self._confusion(), self.tags, path, title)

    def _confusion(self) -> np.ndarray:
        targets = self._ids["test"].flat_targets
        return confusion_matrix(targets, self._test_guesses(), len(self.tags))

    def write_report(self, metrics: dict[str, Any]) -> Path:
        """Write `report.html`, after `fit`, and return its path."""
        name = "span F1" if self.has_spans else "macro F1"
        report = supervised_report(
            self,
            metrics,
            figures={"accuracy": "token accuracy", self._f1_key: name},
            own_name=self._model_name,
            part=f"{len(self.parts['test']):,} sentences that were set apart",
            confusion=self._confusion(),
            labels=self.tags,
            add_examples=self._add_examples,
        )
        return self._keep_report(report)

    def _add_examples(self, report: Report) -> None:
        part = self._ids["test"]
        logits = self._predict(part.ids).astype("float64")
        log_z = np.logaddexp.reduce(logits, axis=1)
        rows = np.arange(len(logits))
        bits = (log_z - logits[rows, part.flat_targets]) / np.log(2)
        add_tagged_sentences(
            report,
            [self.data.tokens[i] for i in self.parts["test"]],
            self._sentences(part.flat_targets, part),
            self._sentences(logits.argmax(axis=1), part),
            np.split(bits, part.ids.row_splits.numpy()[1:-1]),
        )
