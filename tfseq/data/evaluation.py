"""Windows that measure a text: every token is predicted exactly once."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfseq.data.blocks import batches_from_blocks
from tfseq.data.mapped import release_pages
from tfseq.data.shuffled_documents import ends_of
from tfseq.data.windows import as_token_ids
from tfseq.errors import InputError
from tfseq.options.rules import PositiveInt, checked


def evaluation_windows(
    ids: np.ndarray | Sequence[int],
    batch_size: int,
    num_steps: int,
    context: int | None = None,
    end_id: int | None = None,
    rows: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Batches in which every token but the first is a target of weight 1 exactly once.

    The tokens are cut into `batch_size` contiguous rows, read from left to right: row i of a
    batch continues row i of the one before, so the recurrent state is to be carried. The ends of
    rows are padded; padding has weight 0. Each row begins without what came before it, so many
    rows give a slightly higher perplexity than one.

    Args:
        ids: token ids, one-dimensional, of any integer type; may be a `np.memmap`.
        batch_size: rows, B.
        num_steps: tokens per window, T.
        context: the id of the token before the first, such as the last one of the training
            text. With it the first token of `ids` is a target too.
        end_id: the id that stands after each document. With it rows begin where documents do, so
            that each is read whole; they are then not equally long.
        rows: the first of the rows that are wanted, and the one after the last of them; None for
            all.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, weights)`, each `[B, T]`, or with as many rows as
        are wanted; int32, int32 and float32. Its cardinality is known.

    Raises:
        InputError: there is no token to predict.
        ValueError, TypeError: an argument breaks its rule.

    >>> import numpy as np
    >>> for batch in evaluation_windows(np.arange(10, 16), batch_size=2, num_steps=2, context=9):
    ...     print(*(component.numpy().tolist() for component in batch))
    [[9, 10], [12, 13]] [[10, 11], [13, 14]] [[1.0, 1.0], [1.0, 1.0]]
    [[11, 0], [14, 0]] [[12, 0], [15, 0]] [[1.0, 0.0], [1.0, 0.0]]
    """
    ids = as_token_ids(ids)
    checked("batch_size", batch_size, PositiveInt)
    checked("num_steps", num_steps, PositiveInt)
    first_target = 1 if context is None else 0
    num_targets = len(ids) - first_target
    if num_targets < 1:
        raise InputError(
            f"The text is too short to be evaluated: it needs at least {first_target + 1} "
            f"tokens. Received: {len(ids)} tokens."
        )
    edges = np.minimum(np.arange(batch_size + 1) * -(-num_targets // batch_size), num_targets)
    if end_id is not None and batch_size > 1:
        ends = ends_of(ids, end_id) + 1 - first_target
        if len(ends):
            edges[1:-1] = ends[np.minimum(np.searchsorted(ends, edges[1:-1]), len(ends) - 1)]
        edges = np.clip(edges, 0, num_targets)
    if rows is not None:
        edges, batch_size = edges[rows[0] : rows[1] + 1], rows[1] - rows[0]
    longest = int(np.diff(edges).max())

    def gather(first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        width = (last - first) * num_steps
        inputs = np.zeros([batch_size, width], np.int32)
        targets = np.zeros_like(inputs)
        weights = np.zeros_like(inputs, np.float32)
        for row in range(batch_size):
            begin = int(edges[row]) + first * num_steps
            end = min(begin + width, int(edges[row + 1]))
            if end <= begin:
                continue
            stretch = ids[begin + first_target : end + first_target]
            before = begin + first_target - 1
            inputs[row, 0] = context if before < 0 else ids[before]
            inputs[row, 1 : len(stretch)] = stretch[:-1]
            targets[row, : len(stretch)] = stretch
            weights[row, : len(stretch)] = 1
            release_pages(ids)
        return tuple(
            rows.reshape(batch_size, last - first, num_steps).swapaxes(0, 1)
            for rows in (inputs, targets, weights)
        )

    dtypes = (tf.int32, tf.int32, tf.float32)
    spec = tuple(tf.TensorSpec([batch_size, num_steps], dtype) for dtype in dtypes)
    return batches_from_blocks(gather, 0, -(-longest // num_steps), spec)
