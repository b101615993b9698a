"""One label for each token: token ids in, logits of the tags out."""

import keras
from keras import ops

from tfseq.models.token_encoder import TokenEncoder
from tfseq.options.rules import PositiveInt, checked


@keras.saving.register_keras_serializable(package="tfseq")
class Tagger(keras.Model):
    r"""P(y_t | x_1, ..., x_T) for each step, by a bidirectional stack of recurrent layers.

    H_t = the output of a `TokenEncoder` at step t;
    O_t = H_t W + b;  P(y_t = k | x) = softmax(O_t)_k.

    Args:
        vocabulary_size: positive integer, V.
        num_tags: positive integer, K.
        cell, units, num_layers, dropout, embedding_size: see `TokenEncoder`.

    Call arguments:
        ids: int32 `[B, T]`, each in [0, V); a negative id is padding, on the right.
        training: applies dropout when True.

    Returns:
        Logits, float32 `[B, T, K]`. Padding changes nothing in those of real tokens.

    Raises:
        ValueError: an argument breaks its rule; the message names it.

    Example:

    >>> import numpy as np
    >>> model = Tagger(28, num_tags=3, units=8)
    >>> a = model(np.array([[5, 6], [7, -1]]))
    >>> b = model(np.array([[7]]))
    >>> tuple(a.shape), bool(abs(a[1, 0] - b[0, 0]).numpy().max() < 1e-6)
    ((2, 2, 3), True)
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_tags: int,
        cell: str = "gru",
        units: int = 64,
        num_layers: int = 1,
        dropout: float = 0.0,
        embedding_size: int = 64,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_tags = checked("num_tags", num_tags, PositiveInt)
        self.encoder = TokenEncoder(
            vocabulary_size,
            cell,
            units,
            num_layers,
            dropout,
            embedding_size,
            dtype=self.dtype_policy,
            name="encoder",
        )
        self.tag = keras.layers.Dense(num_tags, dtype=self.dtype_policy, name="tags")
        self.build((None, None))

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return self.encoder.vocabulary_size

    def build(self, ids_shape):
        """Create all weights; the constructor has called this already."""
        if self.built:
            return
        self.tag.build((None, None, self.encoder.output_size))
        self.built = True

    def call(self, ids, training=None):
        outputs, _ = self.encoder(ids, training=training)
        return ops.cast(self.tag(outputs), "float32")

    def get_config(self):
        encoder = self.encoder
        return {
            **super().get_config(),
            "vocabulary_size": encoder.vocabulary_size,
            "num_tags": self.num_tags,
            "cell": encoder.cell,
            "units": encoder.units,
            "num_layers": encoder.num_layers,
            "dropout": encoder.dropout,
            "embedding_size": encoder.embedding_size,
        }
