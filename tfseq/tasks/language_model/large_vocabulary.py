"""Learning the next of many tokens, of which a step reads few."""

from typing import Any

import tensorflow as tf

from tfseq.models import LanguageModel
from tfseq.models.output.candidates import Candidates
from tfseq.models.output.sampled_softmax import sampled_softmax_loss
from tfseq.runs.rows.row_tables import ReadRows, Table


class LargeVocabulary:
    """What `Objective` needs where `softmax` is not full: tables, candidates, and the loss.

    The embedding is a table, and with a sampled softmax so are the output layer's weights and
    biases: a step gathers the rows of its inputs, its targets and its candidates.

    Args:
        model: the language model.
        seed: of the candidates.
        num_sampled: how many there are.
        num_targets: tokens of a batch, at most.
    """

    def __init__(self, model: LanguageModel, seed: int, num_sampled: int, num_targets: int):
        self._model, self._seed = model, seed
        self._sampled, tied = model.softmax == "sampled", model.tie_embeddings
        self.tables: list[Table] = []

        def add(variable, most_rows, ids):
            self.tables.append(Table(variable, min(model.vocabulary_size, most_rows), ids))

        most_outputs = num_targets + num_sampled
        if tied:
            add(
                model.embedding.embeddings,
                num_targets + most_outputs,
                lambda batch, drawn: ([model.ids_read(batch[0]), batch[1]], [drawn[0]]),
            )
        elif _learns(model.embedding):
            add(
                model.embedding.embeddings,
                num_targets,
                lambda batch, drawn: ([model.ids_read(batch[0])], []),
            )
        if self._sampled:
            self._candidates = Candidates(model.vocabulary_size, num_sampled)
            if not tied:
                add(model.output_table, most_outputs, _outputs)
            add(model.output_bias, most_outputs, _outputs)

    def draw(self, step: tf.Tensor) -> Any:
        """The candidates of a step, and log q of each; none with an adaptive softmax."""
        return self._candidates.draw(self._seed, step) if self._sampled else ()

    def stack_outputs(self, inputs, states, rows: list[ReadRows]) -> tuple:
        """What `LanguageModel.stack_outputs` returns in training, of the rows that were read."""
        read = (rows[0].values, rows[0].own[0]) if _learns(self._model.embedding) else None
        return self._model.stack_outputs(inputs, states, training=True, rows=read)

    def mean_loss(self, hidden, targets, rows: list[ReadRows], drawn: Any) -> tf.Tensor:
        """The mean loss of the targets `[B, T]`, float32 scalar."""
        model = self._model
        hidden, targets = tf.reshape(hidden, [-1, hidden.shape[-1]]), tf.reshape(targets, [-1])
        if not self._sampled:
            return model.adaptive_softmax.mean_loss(hidden, targets)
        candidates, log_counts = drawn
        weights = []
        for read in rows[-2:]:
            values = tf.cast(read.values, model.compute_dtype)
            places = tf.reshape(read.own[-1], [-1]), read.shared[0]
            weights.append([tf.gather(values, p) for p in places])
        of_targets, of_candidates = zip(*weights, strict=True)
        hidden = tf.cast(hidden, model.compute_dtype)
        losses = sampled_softmax_loss(
            hidden, of_targets, of_candidates, targets, candidates, log_counts
        )
        return tf.reduce_mean(losses)


def _learns(embedding) -> bool:
    return embedding is not None and embedding.trainable


def _outputs(batch, drawn):
    return [batch[1]], [drawn[0]]
