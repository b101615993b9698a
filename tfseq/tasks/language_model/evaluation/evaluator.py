"""How well a language model predicts a text it has not seen."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data import EncodedCorpus, evaluation_windows
from tfseq.metrics.perplexity import Perplexity, bits, perplexity
from tfseq.models import LanguageModel

# Text is cut into rows of at least this many tokens, which are read side by side. Each row
# starts from the zero state, so rows are long: a shorter text is one row, read in one pass.
MIN_ROW_TOKENS = 4096


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Cross entropy over a text.

    Attributes:
        mean_cross_entropy: nats per token.
        num_tokens: tokens predicted.
    """

    mean_cross_entropy: float
    num_tokens: int

    @property
    def perplexity(self) -> float:
        return perplexity(self.mean_cross_entropy)

    @property
    def bits_per_token(self) -> float:
        return bits(self.mean_cross_entropy)

    def metrics(self, split: str) -> dict[str, float]:
        """Loss (nats), perplexity and bits, by the names of `metrics.json` and `history.csv`.

        >>> Evaluation(0.0, 3).metrics("test")
        {'test_loss': 0.0, 'test_perplexity': 1.0, 'test_bits_per_token': 0.0}
        """
        return {
            f"{split}_loss": self.mean_cross_entropy,
            f"{split}_perplexity": self.perplexity,
            f"{split}_bits_per_token": self.bits_per_token,
        }


class Evaluator:
    """Measures one model, again and again, with one traced graph.

    Args:
        model: the language model.
        batch_size: rows read side by side, at most; a short text takes fewer.
        num_steps: tokens of a row in one call.

    Example:

    >>> model = LanguageModel(28, units=8)
    >>> Evaluator(model)(np.zeros(100, "uint8")).num_tokens
    99
    """

    def __init__(self, model: LanguageModel, batch_size: int = 32, num_steps: int = 128):
        self.model = model
        self.batch_size = batch_size
        self.num_steps = num_steps
        self._metric = Perplexity()
        self._step = tf.function(self._update, reduce_retracing=True, autograph=False)

    def __call__(self, ids: np.ndarray, context: int | None = None) -> Evaluation:
        """Predict every id once, in order, the state carried along.

        Args:
            ids: integer `[N]`, at least 2 ids, or 1 with `context`.
            context: the id before the first. Without it the first id is read, not predicted.
        """
        total, count, _ = self.read_on(self.windows(ids, context))
        return Evaluation(mean_cross_entropy=total / count, num_tokens=count)

    def num_rows(self, ids: np.ndarray) -> int:
        """The rows that are read side by side."""
        return max(1, min(self.batch_size, len(ids) // MIN_ROW_TOKENS))

    def windows(
        self, ids: np.ndarray, context: int | None = None, rows: tuple[int, int] | None = None
    ) -> tf.data.Dataset:
        """What is read of all rows, or of some: see `evaluation_windows`."""
        documents = self.model.document_ids
        end_id = None if documents is None else documents[1]
        num_rows = self.num_rows(ids)
        return evaluation_windows(ids, num_rows, self.num_steps, context, end_id, rows)

    def read_on(self, windows: Iterable[tuple], states: Any = None) -> tuple[float, int, Any]:
        """The sum of −log P over the tokens of windows, their number, and the states after them.

        Args:
            windows: (inputs, targets, weights), each `[B, T]`, at least one.
            states: those before; None for the zero state.
        """
        self._metric.reset_state()
        for inputs, targets, weights in windows:
            if states is None:
                states = self.model.initial_states(len(inputs))
            states = self._step(inputs, targets, weights, states)
        return float(self._metric.total), int(self._metric.count), states

    def _update(self, inputs, targets, weights, states):
        hidden, states = self.model.hidden(inputs, states, training=False)
        self._metric.update_losses(self.model.token_losses(hidden, targets), weights)
        return states


def test_metrics(
    model: LanguageModel, corpus: EncodedCorpus, saved: Mapping[str, Any], batch_size: int
) -> dict[str, Any]:
    """The figures of the test split, by the names of `metrics.json`; none where there is no split.

    Args:
        model: the model, with its best weights.
        corpus: the text of the run.
        saved: figures of these same weights that were saved before; they are not measured again.
        batch_size: see `Evaluator`.
    """
    ids = corpus.test
    known = {name: value for name, value in saved.items() if name.startswith("test_")}
    if known or not len(ids):
        return known
    test = Evaluator(model, batch_size)(ids, context=int(corpus.before("test")[-1]))
    return {"test_tokens": test.num_tokens, **test.metrics("test")}
