"""Windows whose length is drawn anew for each batch."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import tensorflow as tf

from tfseq.data.blocks import batches_from_blocks
from tfseq.data.mapped import read_windows
from tfseq.data.windows import as_token_ids, begin_epoch
from tfseq.options.rules import checked, from_to

#: How often a window is of about half the usual length.
HALF = 0.05


def window_lengths(num_steps: int) -> dict[int, float]:
    """The lengths that `varied_windows` draws from, each with its probability.

    With probability 0.95 a length is drawn from a normal distribution around `num_steps`, with a
    standard deviation of a fourteenth of it, and rounded to one of three; else it is half of
    `num_steps`. A training step is compiled for each length, so they are few.

    Source: Merity et al., 2017, https://arxiv.org/abs/1708.02182: 70 or 35 steps, ± 5, unrounded.

    >>> window_lengths(70)
    {35: 0.05, 64: 0.25, 70: 0.45, 76: 0.25}
    """
    apart = max(1, round(num_steps / 11))
    chances: dict[int, float] = {}
    for length, chance in (
        (num_steps // 2, HALF),
        (num_steps - apart, 0.25),
        (num_steps, 0.45),
        (num_steps + apart, 0.25),
    ):
        chances[max(1, length)] = round(chances.get(max(1, length), 0.0) + chance, 2)
    return chances


def mean_length(num_steps: int) -> float:
    """The mean of `window_lengths`.

    >>> round(mean_length(70), 2)
    68.25
    """
    return sum(length * chance for length, chance in window_lengths(num_steps).items())


def varied_windows(
    ids: np.ndarray | Sequence[int],
    batch_size: int,
    num_steps: int,
    order: Literal["random", "sequential"],
    seed: int = 0,
    epoch: int = 0,
    start_batch: int = 0,
) -> tf.data.Dataset:
    """Return one epoch of windows, those of a batch of one length, drawn from `window_lengths`.

    They cover what `random_windows` or `sequential_windows` cover, from an offset on: random ones
    do not overlap, and row i of a sequential batch continues row i of the one before. What is left
    at the end of the text, or of a row, is shorter than the shortest length. `(seed, epoch)`
    determine offset, lengths and order.

    Args:
        ids, batch_size, num_steps, seed, epoch, start_batch: as `random_windows` has them;
            `num_steps` is the usual length.
        order: whether windows stand in random or in text order.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets)`, both int32 `[B, None]`, of known cardinality.

    Raises:
        InputError, ValueError, TypeError: as `random_windows`.

    Example:

    >>> windows = varied_windows(np.arange(300), 2, 20, "sequential", seed=3)
    >>> [(inputs.shape[1], int(inputs[0, 0])) for inputs, targets in windows]
    [(18, 16), (22, 34), (20, 56), (18, 76), (20, 94), (20, 114), (18, 134)]
    """
    checked("order", order, Literal["random", "sequential"])
    ids = as_token_ids(ids)
    rng, offset = begin_epoch(len(ids), batch_size, num_steps, seed, epoch, None)
    row_tokens = (len(ids) - offset - 1) // batch_size
    lengths = _draw(rng, row_tokens, num_steps)
    if order == "sequential":
        places = np.cumsum(lengths) - lengths
        starts = places[:, np.newaxis] + row_tokens * np.arange(batch_size)
    else:
        # The windows of all batches, laid along the text in random order.
        of_windows = np.repeat(lengths, batch_size)
        shuffled = rng.permutation(len(of_windows))
        starts = np.empty(len(of_windows), np.int64)
        starts[shuffled] = np.cumsum(of_windows[shuffled]) - of_windows[shuffled]
        starts = starts.reshape(-1, batch_size)
    starts += offset
    longest = max(window_lengths(num_steps))

    def gather(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.zeros([last - first, batch_size, longest + 1], np.int32)
        chosen = lengths[first:last]
        for length in np.unique(chosen):
            (batches,) = np.nonzero(chosen == length)
            read = read_windows(ids, starts[first + batches].ravel(), length + 1)
            rows[batches, :, : length + 1] = read.reshape(len(batches), batch_size, length + 1)
        return rows, chosen.astype(np.int32)

    checked("start_batch", start_batch, Annotated[int, from_to(0, len(lengths))])
    spec = (
        tf.TensorSpec([batch_size, longest + 1], tf.int32),
        tf.TensorSpec([], tf.int32),
    )
    batches = batches_from_blocks(gather, start_batch, len(lengths), spec)
    return batches.map(lambda rows, length: (rows[:, :length], rows[:, 1 : length + 1]))


def _draw(rng: np.random.Generator, row_tokens: int, num_steps: int) -> np.ndarray:
    """Lengths that fill a row but for less than the shortest of them."""
    chances = window_lengths(num_steps)
    possible = np.fromiter(chances, np.int64)
    count = row_tokens // int(possible.min()) + 1
    drawn = rng.choice(possible, count, p=np.fromiter(chances.values(), float))
    drawn = drawn[np.cumsum(drawn) <= row_tokens]
    left, last = row_tokens - int(drawn.sum()), []
    while (fitting := possible[possible <= left]).size:
        last.append(int(fitting.max()))
        left -= last[-1]
    return np.concatenate([drawn, np.array(last, np.int64)])
