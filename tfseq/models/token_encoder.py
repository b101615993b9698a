"""Token ids read from both ends: what a classifier and a tagger have in common."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from tfseq.cells.arguments import check_shape
from tfseq.models.recurrent_model import RecurrentModel
from tfseq.options.rules import PositiveInt, checked


class TokenEncoder(RecurrentModel):
    """An embedding table and a bidirectional `RecurrentStack` over padded ids.

    X_t = row x_t of the table;  H_t = the stack's output at step t, of both directions.

    Args:
        vocabulary_size: positive integer, V.
        cell, units, num_layers: see `RecurrentModel`; `units` in each direction.
        dropout: probability in [0, 1), into the stack, between its layers and out of it.
        embedding_size: positive integer, columns of the table.

    Call arguments:
        ids: int32 `[B, T]`, each in [0, V); a negative id is padding, on the right.
        training: applies dropout when True.
    """

    def __init__(
        self,
        vocabulary_size: int,
        cell="gru",
        units: int | Sequence[int] = 64,
        num_layers: int = 1,
        dropout: float = 0.0,
        embedding_size: int = 64,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = checked("vocabulary_size", vocabulary_size, PositiveInt)
        self._add_embedding(self.vocabulary_size, embedding_size, scale=1.0)
        self.embedding_size = self.embedding.output_dim
        reads_both_ways = {"bidirectional": True, "return_state": False}
        size = self.embedding_size
        self._add_stack(size, cell, units, num_layers, dropout, **reads_both_ways)
        self.built = True

    def encode(self, ids, training=None) -> Any:
        """ids -> H float `[B, T, D]`, zeros where there is padding, and the mask bool `[B, T]`."""
        check_shape(ids, "`ids` must have the shape", "B", "T")
        mask = ids >= 0
        inputs = self.embedding(ops.maximum(ids, 0))
        inputs = self.input_dropout(inputs, training=training)
        outputs = self.stack(inputs, mask=mask, training=training)
        return self.output_dropout(outputs, training=training), mask

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_size": self.embedding_size,
        }
