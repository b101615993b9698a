"""The surprisal of each token of a passage."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfseq.generation.ranking import best_symbols
from tfseq.models import LanguageModel


@dataclasses.dataclass(frozen=True)
class Surprisal:
    """What a model made of a passage.

    Attributes:
        bits: float64 `[N]`, −log₂ P of each token after all that stands before it.
        expected: int `[N, K]`, the tokens that it held most probable there, best first.
        probabilities: float `[N, K]`, theirs.
    """

    bits: np.ndarray
    expected: np.ndarray
    probabilities: np.ndarray


def token_surprisal(
    model: LanguageModel, ids: np.ndarray, context: np.ndarray, num_expected: int = 3
) -> Surprisal:
    """Read a passage once, in order, from the zero state.

    Args:
        model: the language model.
        ids: integer `[N]`, the passage.
        context: integer `[M]`, what stands before it, at least one token; it is read first.
        num_expected: K, or the size of the vocabulary where that is less.

    Raises:
        ValueError: there is nothing to read, or nothing before it.

    Example: a model that knows nothing needs log₂ V bits for a token.

    >>> model = LanguageModel(8, units=4)
    >>> model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
    >>> token_surprisal(model, np.array([1, 5]), context=np.array([0])).bits.round(6)
    array([3., 3.])
    """
    if not len(ids) or not len(context):
        raise ValueError(
            "`ids` and `context` must hold at least one token each. Received: "
            f"{len(ids)} and {len(context)}."
        )
    passage = np.concatenate([context, ids]).astype("int32")
    logits = model(passage[None, :-1], training=False)[0, -len(ids) :]
    log_p = tf.nn.log_softmax(tf.cast(logits, "float64"))
    best, expected = best_symbols(logits, min(num_expected, model.vocabulary_size))
    chosen = tf.gather(log_p, passage[-len(ids) :], batch_dims=1)
    return Surprisal(-chosen.numpy() / np.log(2), expected.numpy(), np.exp(best.numpy()))
