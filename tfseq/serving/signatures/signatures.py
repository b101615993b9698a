"""What is saved of any model: its weights and tables, and a function for each signature."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfseq.text import VocabularyTables

# What a tokenizer may hold that a graph only refers to.
_SAVED = (tf.Module, tf.Variable, tf.saved_model.experimental.TrackableResource)


class Signatures(tf.Module):
    """A subclass lists its signatures in `inputs`; the method of a signature's name computes it.

    The method takes and returns tensors whose first dimension is the batch. Nothing in it may
    fail for what one row holds, and no row may change the answer to another: a server answers a
    whole batch of different people's requests with one status.

    A subclass takes a trained model with its tokenizer and labels, the lookup tables of its
    vocabulary over an asset file, and the settings that are fixed in the graph.
    """

    #: Signature name -> its named inputs.
    inputs: Mapping[str, Sequence[tf.TensorSpec]]

    def __init__(
        self, model: Any, tables: VocabularyTables | None = None, tokenizer: Any | None = None
    ):
        super().__init__()
        # TensorFlow Serving's loader finds only what is tracked here, and plain variables only.
        self.weights = [weight.value for weight in model.weights]
        self.tables = tables
        own = getattr(tokenizer, "own", tokenizer)
        parts = [own, *getattr(own, "__dict__", {}).values()]
        self.tokenizer = [part for part in parts if isinstance(part, _SAVED)]

    def signatures(self) -> dict[str, Callable]:
        """Signature name -> function from its named inputs to a dict of outputs."""
        return {
            name: tf.function(
                _checked(getattr(self, name), specs), input_signature=specs, autograph=False
            )
            for name, specs in self.inputs.items()
        }


def _checked(signature: Callable, specs: Sequence[tf.TensorSpec]) -> Callable:
    """The signature, for which inputs of other ranks are an invalid argument, and nothing else.

    A server hands on whatever shape comes; operations differ in what they make of it.
    """

    def checked(*inputs):
        return signature(*map(tf.ensure_shape, inputs, [spec.shape for spec in specs]))

    return checked
