"""Documents in another order, without a copy of them."""

import numpy as np

from tfseq.data.mapped import release_pages

# Ids that are compared at a time.
_BLOCK_IDS = 1 << 22
# Sets the draws of orders apart from those of windows and splits.
_ORDERS = 3


def ends_of(ids: np.ndarray, end_id: int) -> np.ndarray:
    """Where END stands in ids, which may be a `np.memmap`: int64, rising.

    >>> ends_of(np.array([2, 7, 7, 2, 8]), end_id=2)
    array([0, 3])
    """
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(ids), _BLOCK_IDS):
        found.append(np.flatnonzero(ids[start : start + _BLOCK_IDS] == end_id) + start)
        release_pages(ids)
    return np.concatenate(found)


class Documents:
    """Where the documents are in ids `END d_1 END d_2 END … d_D END`.

    Args:
        ids: integers `[N]`, may be a `np.memmap`. The first and the last are END.
        end_id: the id of END.

    Attributes:
        starts: int64 `[D + 1]`: document i is `ids[starts[i] : starts[i + 1]]`, its END included.

    >>> documents = Documents(np.array([2, 7, 7, 2, 8, 2, 9, 9, 9, 2]), end_id=2)
    >>> documents.lengths.tolist()
    [2, 1, 3]
    >>> shuffled = documents.shuffled(seed=0, epoch=1)
    >>> shuffled.windows(np.array([0]), len(shuffled))
    array([[2, 8, 2, 9, 9, 9, 2, 7, 7, 2]])
    """

    def __init__(self, ids: np.ndarray, end_id: int):
        self.ids, self.end_id = ids, end_id
        self.starts = ends_of(ids, end_id) + 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each document, int64 `[D]`, its END not counted."""
        return np.diff(self.starts) - 1

    def shuffled(self, seed: int, epoch: int) -> "ShuffledDocuments":
        """The same documents in an order that `(seed, epoch)` determines."""
        rng = np.random.default_rng([seed, epoch, _ORDERS])
        return ShuffledDocuments(self, rng.permutation(len(self.starts) - 1))


class ShuffledDocuments:
    """Ids of documents in an order; `windows` reads them, in place of an array.

    Args:
        documents: the `Documents`.
        order: which of them is first, second, …, integers `[D]`.
    """

    def __init__(self, documents: Documents, order: np.ndarray):
        self._ids = documents.ids
        self._first = documents.starts[order]
        sizes = np.diff(documents.starts)[order]
        # Where each begins here, after the END that is before the first.
        self._begins = np.cumsum(sizes) - sizes + 1
        self._length = int(sizes.sum()) + 1

    def __len__(self) -> int:
        return self._length

    def windows(self, starts: np.ndarray, length: int) -> np.ndarray:
        """The ids from each of `starts` on, `[…, length]`."""
        places = np.asarray(starts)[..., np.newaxis] + np.arange(length)
        which = np.searchsorted(self._begins, places, "right") - 1
        read = self._first[which] + places - self._begins[which]
        ids = self._ids[np.where(places == 0, 0, read)]
        release_pages(self._ids)
        return ids
