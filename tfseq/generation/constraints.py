"""What may be written and where it ends: the same for all rows, and fixed in a graph."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

#: (logits float32 [B, V], new_ids int32 [B, t]) -> logits [B, V]
Filter = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Constraints(NamedTuple):
    """What a continuation may hold, and where it ends.

    Attributes:
        stop: ids after which a row ends, before its number of tokens is reached.
        filter: as for `TextGenerator.generate`; one symbol must be left.
        allow_unknown: whether id 0, `<unk>`, may be produced.
        forbidden: other ids that may not be.
    """

    stop: tuple[int, ...] = ()
    filter: Filter | None = None
    allow_unknown: bool = False
    forbidden: tuple[int, ...] = ()

    @classmethod
    def of_documents(
        cls, document_ids: tuple[int, int] | None, constraints: "Constraints"
    ) -> "Constraints":
        """The same for a model of documents: END ends a row, and BEGIN is not produced.

        >>> Constraints.of_documents((1, 2), Constraints(stop=(7,)))[::3]
        ((7, 2), (1,))
        """
        if document_ids is None:
            return constraints
        begin, end = document_ids
        return constraints._replace(
            stop=(*constraints.stop, end), forbidden=(*constraints.forbidden, begin)
        )

    def penalty(self, num_symbols: int) -> np.ndarray:
        """What is added to the logits, float32 [V]: minus infinity for `<unk>`, unless allowed."""
        ids = np.arange(num_symbols)
        forbidden = (ids == 0) & (not self.allow_unknown) | np.isin(ids, self.forbidden)
        return np.where(forbidden, -np.inf, 0).astype("float32")

    def leaves_none(self, num_symbols: int, document_ids: tuple[int, int] | None) -> bool:
        """Whether no symbol is left that may be produced."""
        constraints = Constraints.of_documents(document_ids, self)
        return bool(np.isneginf(constraints.penalty(num_symbols)).all())

    def filtered(self, logits: tf.Tensor, new_ids: tf.Tensor) -> tf.Tensor:
        """Logits as the filter leaves them; ValueError if it does not leave their shape."""
        filtered = tf.cast(self.filter(logits, new_ids), logits.dtype)
        if not filtered.shape.is_compatible_with(logits.shape):
            raise ValueError(
                f"`filter` must return logits of the shape that it is given, {logits.shape}. "
                f"Received: {filtered.shape}."
            )
        return filtered

    def ended(self, ids: tf.Tensor) -> tf.Tensor:
        """Where an id is one to stop after."""
        return tf.reduce_any(ids[..., tf.newaxis] == self.stop, axis=-1)


UNCONSTRAINED = Constraints()
