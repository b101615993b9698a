"""The layers of a language model as those of a model that gives labels."""

import keras
import numpy as np

from tfseq.models.growing import grown_weights
from tfseq.models.language_model import LanguageModel
from tfseq.models.token_encoder import TokenEncoder


def take_layers(model: TokenEncoder, source: LanguageModel, seed: int) -> None:
    """Gives a model the embedding of a language model, and its layers as the forward direction.

    The forward direction then computes, without dropout, what the language model computes: what it
    reads of the backward direction of the layer below is multiplied by zeros, from which it learns.
    The backward direction and the output layer stay as they are.

    Args:
        model: with plain layers, of the same cell and sizes, whose vocabulary begins with that of
            the language model.
        source: with plain layers and an embedding.
        seed: of the rows of symbols that the language model does not know; see `grown_weights`.

    Raises:
        ValueError: they do not fit.
    """
    table = [source.embedding.embeddings.numpy()]
    shape = model.embedding.embeddings.shape
    model.embedding.set_weights(grown_weights(table, [shape], source.vocabulary_size, seed))
    forward = model.stack.rnns[:: 2 if model.stack.bidirectional else 1]
    for ours, theirs in zip(forward, source.stack.rnns, strict=True):
        _copy_padded(ours.cell, theirs.cell)


def _copy_padded(cell: keras.Layer, source: keras.Layer) -> None:
    """Weights of a cell for one that reads more features behind its own: zeros for those."""
    values = []
    for ours, theirs in zip(cell.weights, source.weights, strict=True):
        more = [(0, a - b) for a, b in zip(ours.shape, theirs.shape, strict=True)]
        values.append(np.pad(theirs.numpy(), more))
    cell.set_weights(values)
