"""A label by the tokens of a text, whatever their order: what a classifier is measured against."""

from typing import Any

import keras
from keras import ops

from tfseq.options.rules import PositiveInt, checked


@keras.saving.register_keras_serializable(package="tfseq")
class BagOfWords(keras.Model):
    """Logistic regression on token counts: O = c W + b, c_v the number of times v occurs.

    Weights begin at zero, so that nothing in it is left to chance.

    Args:
        vocabulary_size: positive integer, V.
        num_labels: positive integer, K.

    Call arguments:
        ids: int32 `[B, T]`; a negative id is padding.

    Returns:
        Logits, float `[B, K]`.

    Example:

    >>> import numpy as np
    >>> model = BagOfWords(3, num_labels=2)
    >>> model.rows.set_weights([np.array([[1, 0], [0, 1], [5, 5]])])
    >>> _ = model.bias.assign([0, 0.5])
    >>> model(np.array([[0, 1, 0], [1, -1, -1]])).numpy().tolist()
    [[2.0, 1.5], [0.0, 1.5]]
    """

    def __init__(self, vocabulary_size: int, num_labels: int, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = checked("vocabulary_size", vocabulary_size, PositiveInt)
        self.num_labels = checked("num_labels", num_labels, PositiveInt)
        self.rows = keras.layers.Embedding(
            vocabulary_size, num_labels, embeddings_initializer="zeros", name="rows"
        )
        self.rows.build((None, None))
        self.bias = self.add_weight(shape=(self.num_labels,), initializer="zeros", name="bias")
        self.built = True

    def build(self, ids_shape) -> None:
        """Does nothing: the constructor has created all weights."""

    def call(self, ids, training=None) -> Any:
        rows = self.rows(ops.maximum(ids, 0))
        mask = ops.cast(ops.expand_dims(ids >= 0, -1), rows.dtype)
        return ops.sum(rows * mask, axis=1) + self.bias

    def get_config(self) -> dict[str, Any]:
        sizes = {"vocabulary_size": self.vocabulary_size, "num_labels": self.num_labels}
        return {**super().get_config(), **sizes}
