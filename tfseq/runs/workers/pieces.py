"""Pieces of a batch, whose gradients are taken one by one."""

import itertools
from typing import Any, NamedTuple

import tensorflow as tf

# A piece is not halved into less, see `tensorflow_loop`.
_ROWS_OF_A_HALF = 16


class Piece(NamedTuple):
    """Rows of a batch.

    Attributes:
        start, stop: the rows; integers, or int32 scalars.
        part: the part of the batch that they lie in. Each part has seeds of its own.
        first: how many rows of that part come before them; None where they are the whole part.
        device: where they are computed, by its name; empty where the rest is.
    """

    start: Any
    stop: Any
    part: int = 0
    first: Any = None
    device: str = ""

    def of(self, tree: Any, begin: Any = 0) -> Any:
        """These rows of tensors, the first row of which is row `begin` of the batch."""
        return tf.nest.map_structure(lambda t: t[self.start - begin : self.stop - begin], tree)


def bounds_of(batch_size: Any, rank: int, size: int) -> tuple[Any, Any]:
    """The first row of a batch that worker `rank` of `size` takes, and the one after its last.

    >>> [bounds_of(8, k, 3) for k in range(3)]
    [(0, 2), (2, 5), (5, 8)]
    """
    return batch_size * rank // size, batch_size * (rank + 1) // size


def parts_of(batch_size: int, num_parts: int) -> list[Piece]:
    """A batch in parts of the same size.

    >>> [(piece.start, piece.stop, piece.part) for piece in parts_of(8, 2)]
    [(0, 4, 0), (4, 8, 1)]
    """
    size = batch_size // num_parts
    return [Piece(i * size, (i + 1) * size, i) for i in range(num_parts)]


def pieces_of(start: int, stop: int, batch_size: int, num_parts: int) -> list[Piece]:
    """The rows from `start` to `stop` of a batch that one process divides into `num_parts`.

    No piece reaches over the bound of a part. Rows of one part are halved if there are many, so
    that two cores have work.

    >>> [tuple(piece)[:4] for piece in pieces_of(10, 30, batch_size=40, num_parts=2)]
    [(10, 20, 0, 10), (20, 30, 1, 0)]
    >>> [tuple(piece)[:4] for piece in pieces_of(20, 40, batch_size=40, num_parts=2)]
    [(20, 40, 1, 0)]
    """
    size = batch_size // num_parts
    bounds = {start, stop, *(i * size for i in range(num_parts) if start < i * size < stop)}
    middle, odd = divmod(start + stop, 2)
    if num_parts > 1 and len(bounds) == 2 and not odd and stop - middle >= _ROWS_OF_A_HALF:
        bounds.add(middle)
    cuts = sorted(bounds)
    return [
        Piece(begin, end, begin // size, begin % size) for begin, end in itertools.pairwise(cuts)
    ]
