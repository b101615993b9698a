"""Perplexity and bits per token, weighted by token over batches."""

import math
from typing import Any

import keras
from keras import ops


def perplexity(mean_cross_entropy: float) -> float:
    """exp of a mean cross entropy in nats; infinite rather than an OverflowError.

    >>> round(perplexity(math.log(28)), 6)
    28.0
    """
    return math.exp(mean_cross_entropy) if mean_cross_entropy < 700 else math.inf


def bits(mean_cross_entropy: float) -> float:
    """Nats to bits: bits per character where a token is a character.

    >>> bits(math.log(2))
    1.0
    """
    return mean_cross_entropy / math.log(2)


@keras.saving.register_keras_serializable(package="tfseq")
class Perplexity(keras.metrics.Metric):
    """exp( Σ w_i · (−log P(y_i)) / Σ w_i ), the sums running over all tokens of all batches.

    A batch with more tokens weighs more: the mean is taken over tokens, not over batches. The
    sums are float64, so that millions of tokens lose nothing.

    Args:
        from_logits: the predictions are logits; False: probabilities.
        name: the metric's name.

    Call arguments:
        y_true: int `[...]`, the tokens.
        y_pred: float `[..., V]`.
        sample_weight: float, of the shape of `y_true` or of its leading axes, as `[B]`, a
            weight for each row; 0 leaves a token out.

    Example: a model that gives all of 4 tokens the same chance has perplexity 4.

    >>> import numpy as np
    >>> metric = Perplexity()
    >>> metric.update_state(np.array([[0, 3]]), np.zeros([1, 2, 4], "float32"))
    >>> round(float(metric.result()), 6)
    4.0

    Source: Jelinek et al., Perplexity, JASA 62, 1977.
    """

    def __init__(self, from_logits: bool = True, name: str = "perplexity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.from_logits = from_logits
        self.total = self.add_variable((), "zeros", dtype="float64", name="total")
        self.count = self.add_variable((), "zeros", dtype="float64", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        losses = keras.losses.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=self.from_logits
        )
        self.update_losses(losses, sample_weight)

    def update_losses(self, losses, sample_weight=None) -> None:
        """Take in −log P(y_i), float `[...]`, where they are known."""
        losses = ops.cast(losses, "float64")
        if sample_weight is None:
            weights = ops.ones_like(losses)
        else:
            weights = ops.cast(sample_weight, "float64")
            for _ in range(len(losses.shape) - len(weights.shape)):
                weights = ops.expand_dims(weights, -1)
            weights = ops.broadcast_to(weights, ops.shape(losses))
            losses = ops.where(weights == 0, 0.0, losses)
        self.total.assign_add(ops.sum(losses * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self) -> Any:
        """The perplexity so far; 1 before the first token, as nothing was uncertain."""
        return ops.exp(self.mean_cross_entropy())

    def mean_cross_entropy(self) -> Any:
        """Nats per token so far; 0 before the first token."""
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits}
