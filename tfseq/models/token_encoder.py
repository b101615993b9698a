"""Token ids read from both ends: what a classifier and a tagger have in common."""

import keras
from keras import ops

from tfseq.layers import RecurrentStack
from tfseq.options.rules import PositiveInt, checked


@keras.saving.register_keras_serializable(package="tfseq")
class TokenEncoder(keras.layers.Layer):
    """An embedding table and a bidirectional `RecurrentStack` over padded ids.

    X_t = row x_t of the table;  H_t = the stack's output at step t, of both directions.

    Args:
        vocabulary_size: positive integer, V.
        cell: `"rnn"`, `"gru"` or `"lstm"`.
        units: positive integer, the size of a layer's hidden state in each direction.
        num_layers: positive integer.
        dropout: probability in [0, 1), into the stack, between its layers and out of it.
        embedding_size: positive integer, columns of the table.

    Call arguments:
        ids: int32 `[B, T]`, each in [0, V); a negative id is padding, on the right.
        training: applies dropout when True.

    Returns:
        `(H, mask)`, float `[B, T, 2 * units]`, zeros where there is padding, and bool `[B, T]`.

    Example:

    >>> import numpy as np
    >>> encoder = TokenEncoder(10, units=3, embedding_size=4)
    >>> outputs, mask = encoder(np.array([[1, 2, 3], [4, -1, -1]]))
    >>> tuple(outputs.shape), mask.numpy().sum(axis=1).tolist()
    ((2, 3, 6), [3, 1])
    """

    def __init__(
        self,
        vocabulary_size: int,
        cell: str = "gru",
        units: int = 64,
        num_layers: int = 1,
        dropout: float = 0.0,
        embedding_size: int = 64,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = checked("vocabulary_size", vocabulary_size, PositiveInt)
        self.embedding_size = checked("embedding_size", embedding_size, PositiveInt)
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            embedding_size,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
            dtype=self.dtype_policy,
            name="embedding",
        )
        self.stack = RecurrentStack(
            cell,
            units,
            num_layers,
            bidirectional=True,
            dropout=dropout,
            return_state=False,
            dtype=self.dtype_policy,
            name="stack",
        )
        self.input_dropout = keras.layers.Dropout(
            dropout, dtype=self.dtype_policy, name="input_dropout"
        )
        self.output_dropout = keras.layers.Dropout(
            dropout, dtype=self.dtype_policy, name="output_dropout"
        )
        self.cell = cell
        self.units = self.stack.units
        self.num_layers = self.stack.num_layers
        self.dropout = self.stack.dropout
        self.build((None, None))

    def build(self, ids_shape):
        if self.built:
            return
        self.embedding.build(ids_shape)
        self.stack.build((None, None, self.embedding_size))
        self.built = True

    @property
    def output_size(self) -> int:
        """The size of H_t."""
        return 2 * self.units

    def call(self, ids, training=None):
        if len(ids.shape) != 2:
            raise ValueError(f"`ids` must have the shape [B, T]. Received: {tuple(ids.shape)}.")
        mask = ids >= 0
        inputs = self.embedding(ops.maximum(ids, 0))
        inputs = self.input_dropout(inputs, training=training)
        outputs = self.stack(inputs, mask=mask, training=training)
        return self.output_dropout(outputs, training=training), mask

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "cell": self.cell,
            "units": self.units,
            "num_layers": self.num_layers,
            "dropout": self.dropout,
            "embedding_size": self.embedding_size,
        }
