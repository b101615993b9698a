"""Arguments of `LanguageModel` that have to go together."""

from collections.abc import Sequence

from tfseq.options.model.connections import OF_WHICH
from tfseq.options.model.layer_sizes import as_given
from tfseq.options.model.softmax import Softmax


def check_one_direction(bidirectional: bool) -> None:
    """Raise ValueError where a language model is to read both ways."""
    if bidirectional:
        raise ValueError(
            "`bidirectional` must be False: a language model that reads both ways sees the "
            "future that it is to predict. Received: bidirectional=True. Use "
            "`tfseq.RecurrentStack(..., bidirectional=True)` for labels and tags."
        )


def check_tied(embedding_size: int | None, sizes: Sequence[int], width: int) -> None:
    """Raise ValueError unless the embedding is as wide as the outputs of the stack."""
    if embedding_size != width:
        raise ValueError(
            "`tie_embeddings` uses the embedding table as the output layer and needs "
            f"`embedding_size` equal to `units`, {OF_WHICH}: {width}. "
            f"Received: embedding_size={embedding_size}, units={as_given(sizes)}."
        )


def check_output_layer(
    softmax: Softmax, cutoffs: Sequence[int] | None, tie_embeddings: bool
) -> None:
    """Raise ValueError unless the arguments of the output layer fit its kind."""
    if softmax == "adaptive" and tie_embeddings:
        raise ValueError(
            "`tie_embeddings` must be False with an adaptive `softmax`: rare symbols have fewer "
            "columns in its output layer than in an embedding. Received: tie_embeddings=True."
        )
    if cutoffs is not None and softmax != "adaptive":
        raise ValueError(
            "`cutoffs` are those of an adaptive `softmax`, and must be left out with another. "
            f"Received: cutoffs={cutoffs}, softmax={softmax!r}."
        )


def checked_ids(document_ids: Sequence[int] | None, vocabulary_size: int) -> tuple[int, int] | None:
    """The ids of BEGIN and END; None where there are none.

    Raises:
        ValueError: they are not two ids of the vocabulary.

    >>> checked_ids([1, 2], vocabulary_size=3)
    (1, 2)
    """
    if document_ids is None:
        return None
    ids = tuple(document_ids)
    if len(ids) != 2 or not all(isinstance(i, int) and 0 <= i < vocabulary_size for i in ids):
        raise ValueError(
            "`document_ids` must be the ids of BEGIN and END, from 0 to "
            f"{vocabulary_size - 1}. Received: {document_ids!r}."
        )
    return ids
