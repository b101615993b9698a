"""Token ids read from both ends: what a classifier and a tagger have in common."""

from keras import ops

from tfseq.cells.arguments import check_shape, positive_integer
from tfseq.models.recurrent_model import RecurrentModel


class TokenEncoder(RecurrentModel):
    """An embedding table and a bidirectional `RecurrentStack` over padded ids.

    X_t = row x_t of the table;  H_t = the stack's output at step t, of both directions.

    Args:
        vocabulary_size: positive integer, V.
        cell, units, num_layers: see `RecurrentModel`; `units` in each direction.
        dropout: probability in [0, 1), into the stack, between its layers and out of it.
        embedding_size: positive integer, columns of the table.
    """

    def __init__(
        self,
        vocabulary_size: int,
        cell="gru",
        units: int = 64,
        num_layers: int = 1,
        dropout: float = 0.0,
        embedding_size: int = 64,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = positive_integer("vocabulary_size", vocabulary_size)
        self._add_embedding(self.vocabulary_size, embedding_size, scale=1.0)
        self.embedding_size = self.embedding.output_dim
        self._add_stack(cell, units, num_layers, dropout, bidirectional=True, return_state=False)

    def build(self, ids_shape):
        """Create all weights; the constructor has called this already."""
        if not self.built:
            self.embedding.build(ids_shape)
            self.stack.build((None, None, self.embedding_size))
            self.build_outputs(self.stack.output_size)
            self.built = True

    def build_outputs(self, size: int) -> None:
        """Create the weights that read vectors H_t of this size."""
        raise NotImplementedError(f"{type(self).__name__} must define `build_outputs`.")

    def encode(self, ids, training=None):
        """ids int32 `[B, T]`, negative ones being padding, on the right -> (H, mask).

        H is float `[B, T, D]`, zeros where there is padding, and the mask bool `[B, T]`.
        """
        check_shape(ids, "`ids` must have the shape", "B", "T")
        mask = ids >= 0
        inputs = self.embedding(ops.maximum(ids, 0))
        inputs = self.input_dropout(inputs, training=training)
        outputs = self.stack(inputs, mask=mask, training=training)
        return self.output_dropout(outputs, training=training), mask

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_size": self.embedding_size,
        }
