"""What counting alone achieves, to hold a trained model against."""

import dataclasses
import math

import numpy as np

from tfseq.metrics.perplexity import bits
from tfseq.models import NGramModel
from tfseq.models.ngram.ngram_orders import mean_losses_by_order

# More is not read, so that counting takes seconds and some hundred megabytes whatever the text.
MAX_TRAIN_TOKENS = 2_000_000
MAX_VALIDATION_TOKENS = 1_000_000
MAX_ORDER = 9
# The order is chosen by the end of the training split: a tenth of it, and no more than this.
MAX_HELD_OUT_TOKENS = 100_000


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The perplexity of an `NGramModel` with Kneser-Ney smoothing.

    Attributes:
        order: tokens of its n-grams.
        perplexity: its perplexity on the validation split, each token predicted from those
            before it as the recurrent model does.
        train_tokens: how many were counted, of the training split the last.
        validation_tokens: how many were predicted, of the validation split the first.
    """

    order: int
    perplexity: float
    train_tokens: int
    validation_tokens: int

    @property
    def bits_per_token(self) -> float:
        return bits(math.log(self.perplexity))


def best_order(
    train: np.ndarray,
    vocabulary_size: int,
    max_order: int = MAX_ORDER,
    end_id: int | None = None,
) -> int:
    """The order whose model of a text's start predicts its last tenth best.

    Args:
        train: token ids, integers [N].
        vocabulary_size: the number of ids there are.
        max_order: the greatest order that is tried.
        end_id: the id that stands after each document, if the text is documents.

    >>> best_order(np.random.default_rng(0).integers(0, 3, 500), vocabulary_size=3)
    1
    """
    held_out = min(max(1, len(train) // 10), MAX_HELD_OUT_TOKENS)
    if len(train) <= held_out:
        return 1
    first, last = train[:-held_out], train[-held_out:]
    losses = mean_losses_by_order(first, last, max_order, vocabulary_size, end_id)
    return int(np.argmin(losses)) + 1


def measure_baseline(
    train: np.ndarray,
    validation: np.ndarray,
    vocabulary_size: int,
    order: int | None = None,
    max_train_tokens: int = MAX_TRAIN_TOKENS,
    max_validation_tokens: int = MAX_VALIDATION_TOKENS,
    context: np.ndarray | None = None,
    end_id: int | None = None,
) -> Baseline:
    """Count the training split, and measure the counts on the validation split.

    Args:
        train: token ids, integers [N].
        validation: the ids to predict, at least one.
        vocabulary_size: the number of ids there are.
        order: tokens of the n-grams; None takes the `best_order` of the training split.
        max_train_tokens: the most that are counted.
        max_validation_tokens: the most that are predicted.
        context: the ids before the validation split; None takes the end of the training split.
        end_id: the id that stands after each document, if the text is documents; contexts do not
            reach over it.

    >>> text = np.array([1, 2, 3] * 40)
    >>> measure_baseline(text[:90], text[90:], vocabulary_size=4, order=2).validation_tokens
    30
    """
    context = train[-MAX_ORDER:] if context is None else context
    train = np.array(train[max(0, len(train) - max_train_tokens) :])
    validation = np.array(validation[:max_validation_tokens])
    order = best_order(train, vocabulary_size, end_id=end_id) if order is None else order
    model = NGramModel(order).fit(train, vocabulary_size, end_id)
    return Baseline(
        order=order,
        perplexity=model.perplexity(validation, context=np.array(context)),
        train_tokens=len(train),
        validation_tokens=len(validation),
    )
