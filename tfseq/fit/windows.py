"""Windows of token ids that are new in each epoch of one `fit`."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from tfseq.data.blocks import BLOCK_VALUES
from tfseq.data.windows import as_token_ids, num_batches, random_batches, sequential_batches

_BATCHES = {"random": random_batches, "sequential": sequential_batches}


class Windows:
    """Epochs of `(inputs, targets)` for `fit`: another one each time that `dataset` is read.

    Batch i of epoch e is batch i of `tfseq.random_windows(ids, batch_size, num_steps, seed,
    epoch=e)`, or of `sequential_windows`. Keras asks once how many batches an epoch has, so all
    have the same number: where the offset leaves one batch more, the last one is left out.

    Keras does not tell a dataset the number of the epoch. `Windows` counts how often it is read, by
    `fit` or anything else; `BackupAndResume` sets `epoch` to the number that `fit` counts. For
    validation give `order="sequential", offset=0`, which is the same each time.

    Args:
        ids: token ids, one-dimensional, of any integer type; may be a `np.memmap`.
        batch_size: windows per batch, B.
        num_steps: tokens per window, T.
        order: `"random"`, or `"sequential"`: row i of a batch continues row i of the one before.
        seed: a non-negative integer.
        epoch: number of the first epoch, as `fit`'s `initial_epoch`.
        offset: tokens to leave out at the front, in `[0, num_steps)`; by default drawn for each
            epoch.

    Attributes:
        dataset: a `tf.data.Dataset` of int32 `[B, T]`, of known cardinality. Keras shuffles no
            such dataset; `fit(shuffle=False)` keeps it from warning that it does not.
        epoch: number of the epoch to be read next. May be set.

    Raises:
        InputError: `ids` are too few for one batch.
        TypeError, ValueError: an argument is of the wrong type or out of range.

    Example:

    >>> windows = Windows(np.arange(35), batch_size=2, num_steps=5, order="sequential", seed=2)
    >>> for _ in range(2):
    ...     print([inputs[0].numpy().tolist() for inputs, targets in windows.dataset])
    [[4, 5, 6, 7, 8], [9, 10, 11, 12, 13], [14, 15, 16, 17, 18]]
    [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]]
    """

    def __init__(
        self,
        ids: np.ndarray | Sequence[int],
        batch_size: int,
        num_steps: int,
        order: str = "random",
        seed: int = 0,
        epoch: int = 0,
        offset: int | None = None,
    ):
        if order not in _BATCHES:
            raise ValueError(f"`order` must be one of {list(_BATCHES)}. Received: {order!r}.")
        self.epoch = epoch
        self._batches_of = lambda epoch: _BATCHES[order](
            ids, batch_size, num_steps, seed, epoch, offset
        )
        self._batches_of(epoch)  # Checks the arguments.
        ids = as_token_ids(ids)
        # The largest offset that is drawn leaves the fewest batches.
        largest = min(num_steps - 1, len(ids) - batch_size * num_steps - 1)
        self._length = num_batches(
            len(ids), batch_size, num_steps, largest if offset is None else offset
        )
        self._block_size = max(1, BLOCK_VALUES // (batch_size * num_steps))
        spec = tf.TensorSpec([None, batch_size, num_steps], tf.int32)
        blocks = tf.data.Dataset.from_generator(self._blocks, output_signature=(spec, spec))
        batches = blocks.prefetch(1).unbatch()
        self.dataset = batches.apply(tf.data.experimental.assert_cardinality(len(self)))

    def __len__(self) -> int:
        """The number of batches in each epoch."""
        return self._length

    def _blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The next epoch, many batches at a time."""
        gather, _ = self._batches_of(self.epoch)
        self.epoch += 1
        for first in range(0, len(self), self._block_size):
            yield gather(first, min(first + self._block_size, len(self)))
