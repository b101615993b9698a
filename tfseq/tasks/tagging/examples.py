"""Tagged sentences as a trainer takes them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfseq.data.labelled.labelled_sentences import LabelledSentences
from tfseq.errors import InputError
from tfseq.metrics.classification import accuracy, confusion_matrix, macro_f1
from tfseq.metrics.span_f1 import names_spans, span_scores
from tfseq.report import Report
from tfseq.tasks.labelled.examples import check_labels, numbered_splits
from tfseq.tasks.labelled.objective import LabelledIds, fingerprint
from tfseq.tasks.starting.start import NO_START, Start
from tfseq.tasks.tagging.options import TaggingOptions
from tfseq.tasks.tagging.report import add_tagged_sentences
from tfseq.tasks.vocabulary_check import check_tells_apart
from tfseq.text import Vocabulary

if TYPE_CHECKING:
    from tfseq.tasks.tagging.task import TaggingTask


class SentenceExamples:
    """Tagged sentences as `tfseq.tasks.labelled.examples.Examples`.

    The score is the F1 of spans where the tags name some, else the mean F1 of the tags. Beside the
    model stand the most frequent tag, and the most frequent tag of each token.
    """

    unit = "sentence"
    tokenizer = None

    def __init__(
        self,
        data: LabelledSentences,
        options: TaggingOptions,
        task: "TaggingTask | None" = None,
        start: Start = NO_START,
    ):
        """Args: the sentences; the options; a trained task, of which all are the test split;
        what the model starts from."""
        self.data, self.options = data, options
        self.name, self.notes = data.name, ()
        self.fingerprint = fingerprint(data.tokens, data.tags)
        found = {tag for sentence in data.tags for tag in sentence}
        if task is not None:
            self.labels, self.vocabulary = task.labels, task.vocabulary
            check_labels(found, self.labels, data.name)
            self.splits = {"test": np.arange(len(data.tokens))}
        else:
            self.labels = tuple(sorted(found))
            self._check()
            self.splits = numbered_splits(len(data.tokens), options)
            counts = Counter(token for i in self.splits["train"] for token in data.tokens[i])
            self.vocabulary = Vocabulary.build(
                counts, options.min_frequency, options.max_vocabulary, start.known
            )
            check_tells_apart(self.vocabulary)
        self.has_spans = names_spans(self.labels)
        f1 = {"span_f1": "span F1"} if self.has_spans else {"macro_f1": "macro F1"}
        self.scores = {"accuracy": "accuracy", **f1}
        self.ids = {name: self._encode(split) for name, split in self.splits.items()}

    def score(self, predictions: np.ndarray, ids: LabelledIds) -> dict[str, float]:
        """Accuracy and F1 of predictions for all tokens, row after row."""
        confusion = confusion_matrix(ids.flat_targets, predictions, len(self.labels))
        if not self.has_spans:
            return {"accuracy": accuracy(confusion), "macro_f1": macro_f1(confusion)}
        return {"accuracy": accuracy(confusion), "span_f1": self._spans(predictions, ids)["f1"]}

    def more_metrics(self, predictions: np.ndarray) -> dict[str, Any]:
        """Precision and recall of spans; the accuracy of tokens that training has not seen."""
        test = self.ids["test"]
        seen = {token for i in self.splits["train"] for token in self.data.tokens[i]}
        unknown = np.array([word not in seen for word in self._test_words()])
        right = predictions == test.flat_targets
        spans = self._spans(predictions, test) if self.has_spans else {}
        return {
            **{f"test_span_{n}": spans[n] for n in ("precision", "recall") if n in spans},
            "test_unknown_share": float(unknown.mean()),
            "test_unknown_accuracy": float(right[unknown].mean()) if unknown.any() else None,
        }

    def baselines(self) -> dict[str, dict[str, float]]:
        """The most frequent tag, and the most frequent tag of each token."""
        test = self.ids["test"]
        all_tags, of_token = Counter(), defaultdict(Counter)
        for i in self.splits["train"]:
            for token, tag in zip(self.data.tokens[i], self.data.tags[i], strict=True):
                all_tags[tag] += 1
                of_token[token][tag] += 1
        most = self.labels.index(all_tags.most_common(1)[0][0])
        usual = {t: self.labels.index(c.most_common(1)[0][0]) for t, c in of_token.items()}
        predictions = {
            "most frequent tag": np.full_like(test.flat_targets, most),
            "most frequent tag of the token": np.array(
                [usual.get(word, most) for word in self._test_words()]
            ),
        }
        return {name: self.score(of, test) for name, of in predictions.items()}

    def add_to_report(self, report: Report, logits: np.ndarray) -> None:
        """The surprisal of each tag of some sentences, and what was predicted."""
        test, logits = self.ids["test"], logits.astype("float64")
        log_z = np.logaddexp.reduce(logits, axis=1)
        bits = (log_z - logits[np.arange(len(logits)), test.flat_targets]) / np.log(2)
        add_tagged_sentences(
            report,
            [self.data.tokens[i] for i in self.splits["test"]],
            self._sentences(test.flat_targets, test),
            self._sentences(logits.argmax(axis=1), test),
            np.split(bits, test.ids.row_splits.numpy()[1:-1]),
        )

    def _check(self) -> None:
        data = self.data
        if len(self.labels) < 2:
            raise InputError(f"All tokens of {data.name} have the tag {self.labels[0]!r}.")
        if len(data.tokens) == 1:
            raise InputError(
                f"{data.name} is one sentence, of {len(data.tokens[0]):,} tokens. Sentences are "
                "separated by empty lines."
            )

    def _encode(self, split: np.ndarray) -> LabelledIds:
        longest = self.options.max_length
        known = {token: i for i, token in enumerate(self.vocabulary.tokens)}
        numbers = {tag: i for i, tag in enumerate(self.labels)}
        ids = [[known.get(t, 0) for t in self.data.tokens[i][:longest]] for i in split]
        targets = [[numbers[t] for t in self.data.tags[i][:longest]] for i in split]
        return LabelledIds(*map(_ragged, (ids, targets)))

    def _test_words(self) -> list[str]:
        longest = self.options.max_length
        return [word for i in self.splits["test"] for word in self.data.tokens[i][:longest]]

    def _spans(self, predictions: np.ndarray, ids: LabelledIds) -> dict[str, float]:
        return span_scores(
            self._sentences(ids.flat_targets, ids), self._sentences(predictions, ids)
        )

    def _sentences(self, numbers: np.ndarray, ids: LabelledIds) -> list[Sequence[str]]:
        tags = np.array(self.labels, object)[numbers]
        return np.split(tags, ids.ids.row_splits.numpy()[1:-1])


def _ragged(rows: list[list[int]]) -> tf.RaggedTensor:
    flat = tf.constant([number for row in rows for number in row], tf.int32)
    return tf.RaggedTensor.from_row_lengths(flat, [len(row) for row in rows])
