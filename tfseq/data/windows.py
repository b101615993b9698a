"""Windows of token ids for training: random, or sequential so that the state carries over."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import tensorflow as tf

from tfseq.data.blocks import Gather, batches_from_blocks
from tfseq.data.mapped import read_windows
from tfseq.data.shuffled_documents import ShuffledDocuments
from tfseq.errors import InputError
from tfseq.options.rules import PositiveInt, Rule, checked, from_to

# NumPy's generators take any number of bits.
_Entropy = Annotated[int, Rule("zero or a positive integer", lambda v: v >= 0)]


def num_batches(num_tokens: int, batch_size: int, num_steps: int, offset: int = 0) -> int:
    """Return how many batches of windows one epoch holds, random or sequential.

    Each window needs `num_steps` inputs, and the last one a target besides:
    `(num_tokens - offset - 1) // (batch_size * num_steps)`.

    >>> num_batches(35, batch_size=2, num_steps=5)
    3
    """
    return max(0, num_tokens - offset - 1) // (batch_size * num_steps)


def random_windows(
    ids: np.ndarray | Sequence[int],
    batch_size: int,
    num_steps: int,
    seed: int = 0,
    epoch: int = 0,
    start_batch: int = 0,
    offset: int | None = None,
) -> tf.data.Dataset:
    """Return one epoch of windows that do not overlap, in random order.

    From `offset` on, `ids` is cut into stretches of `num_steps`. They are shuffled and dealt
    into batches; what does not fill a batch is left out. `(seed, epoch)` determine offset and
    order, and `start_batch` leaves out the first batches, so that an epoch can be taken up
    where it was left. The order takes 4 bytes of memory per window, the ids none if they are
    memory-mapped.

    Args:
        ids: Token ids, one-dimensional, of any integer type; may be a `np.memmap`.
        batch_size: Windows per batch, B.
        num_steps: Tokens per window, T.
        seed: A non-negative integer.
        epoch: Number of the epoch, from 0. Each has its own offset and order.
        start_batch: Number of the batch to begin with.
        offset: Tokens to leave out at the front, in `[0, num_steps)`. By default it is drawn for
            each epoch, so that the windows' edges move; when there is hardly enough text, only
            so far that one batch remains.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets)`, both int32 `[B, T]`, of known cardinality.
        Targets are the inputs one step on.

    Raises:
        InputError: `ids` are too few for one batch.
        ValueError: An argument breaks its rule.
        TypeError: `ids` are no integers.

    Example:

    >>> import numpy as np
    >>> windows = random_windows(np.arange(35), batch_size=2, num_steps=5, seed=1)
    >>> int(windows.cardinality())
    3
    >>> inputs, targets = next(iter(windows))
    >>> bool((targets.numpy() == inputs.numpy() + 1).all())
    True
    """
    gather, stop = random_batches(ids, batch_size, num_steps, seed, epoch, offset)
    return _as_dataset(gather, batch_size, num_steps, start_batch, stop)


def sequential_windows(
    ids: np.ndarray | Sequence[int],
    batch_size: int,
    num_steps: int,
    seed: int = 0,
    epoch: int = 0,
    start_batch: int = 0,
    offset: int | None = None,
) -> tf.data.Dataset:
    """Return one epoch of windows in which row i of a batch continues row i of the one before.

    From `offset` on, `ids` is cut into `batch_size` equal rows, and each row into windows of
    `num_steps` from left to right. So the recurrent state can be carried from batch to batch.
    Tokens that fill no row or window are left out.

    Args, what is returned and what is raised are those of `random_windows`; `batch_size` is the
    number of rows, and `seed` and `epoch` determine the offset alone.

    Example:

    >>> import numpy as np
    >>> windows = sequential_windows(np.arange(35), batch_size=2, num_steps=5, offset=0)
    >>> for inputs, targets in windows:
    ...     print(*inputs.numpy())
    [0 1 2 3 4] [17 18 19 20 21]
    [5 6 7 8 9] [22 23 24 25 26]
    [10 11 12 13 14] [27 28 29 30 31]
    """
    gather, stop = sequential_batches(ids, batch_size, num_steps, seed, epoch, offset)
    return _as_dataset(gather, batch_size, num_steps, start_batch, stop)


def random_batches(
    ids: np.ndarray | Sequence[int],
    batch_size: int,
    num_steps: int,
    seed: int,
    epoch: int,
    offset: int | None,
) -> tuple[Gather, int]:
    """An epoch of `random_windows`: what gathers batches [first, last), and their number."""
    ids = as_token_ids(ids)
    rng, offset = begin_epoch(len(ids), batch_size, num_steps, seed, epoch, offset)
    num_windows = (len(ids) - offset - 1) // num_steps
    order = np.arange(num_windows, dtype=np.min_scalar_type(num_windows))
    rng.shuffle(order)

    def gather(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = order[first * batch_size : last * batch_size]
        starts = chosen.astype(np.int64) * num_steps + offset
        return _inputs_and_targets(ids, starts.reshape(-1, batch_size), num_steps)

    return gather, num_batches(len(ids), batch_size, num_steps, offset)


def sequential_batches(
    ids: np.ndarray | Sequence[int],
    batch_size: int,
    num_steps: int,
    seed: int,
    epoch: int,
    offset: int | None,
) -> tuple[Gather, int]:
    """An epoch of `sequential_windows`, as `random_batches` gives one of `random_windows`."""
    ids = as_token_ids(ids)
    _, offset = begin_epoch(len(ids), batch_size, num_steps, seed, epoch, offset)
    row_starts = offset + np.arange(batch_size) * ((len(ids) - offset - 1) // batch_size)

    def gather(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        starts = np.arange(first, last)[:, np.newaxis] * num_steps + row_starts
        return _inputs_and_targets(ids, starts, num_steps)

    return gather, num_batches(len(ids), batch_size, num_steps, offset)


def as_token_ids(ids: np.ndarray | Sequence[int]) -> np.ndarray:
    """Return `ids` as a one-dimensional integer array, without copying an array."""
    if isinstance(ids, ShuffledDocuments):
        return ids
    array = np.asarray(ids)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            "`ids` must be a one-dimensional array of integers. "
            f"Received: shape {array.shape}, dtype {array.dtype}."
        )
    return array


def begin_epoch(
    num_tokens: int, batch_size: int, num_steps: int, seed: int, epoch: int, offset: int | None
) -> tuple[np.random.Generator, int]:
    """Check the arguments; return the epoch's random generator and its offset."""
    checked("batch_size", batch_size, PositiveInt)
    checked("num_steps", num_steps, PositiveInt)
    checked("seed", seed, _Entropy)
    checked("epoch", epoch, _Entropy)
    checked("offset", offset, Annotated[int, from_to(0, num_steps - 1)] | None)
    needed = batch_size * num_steps + 1 + (offset or 0)
    if num_tokens < needed:
        raise InputError(
            f"The text is too short for one batch: `batch_size` {batch_size} x `num_steps` "
            f"{num_steps} needs at least {needed:,} tokens. Received: {num_tokens:,} tokens. "
            "Give more text, or smaller batches or windows."
        )
    rng = np.random.default_rng([seed, epoch])
    drawn = int(rng.integers(min(num_steps, num_tokens - needed + 1)))
    return rng, drawn if offset is None else offset


def _inputs_and_targets(
    ids: np.ndarray, starts: np.ndarray, num_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """The windows that begin at `starts` [batches, B], each int32 [batches, B, T]."""
    rows = read_windows(ids, starts.ravel(), num_steps + 1)
    rows = rows.reshape(*starts.shape, num_steps + 1).astype(np.int32)
    return rows[..., :-1], rows[..., 1:]


def _as_dataset(
    gather: Gather, batch_size: int, num_steps: int, start_batch: int, stop: int
) -> tf.data.Dataset:
    """Batches `start_batch` to `stop - 1`."""
    checked("start_batch", start_batch, Annotated[int, from_to(0, stop)])
    spec = tf.TensorSpec([batch_size, num_steps], tf.int32)
    return batches_from_blocks(gather, start_batch, stop, (spec, spec))
