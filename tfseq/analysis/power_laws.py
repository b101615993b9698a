"""Power laws fitted to counts: Zipf's and Heaps'."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

# Ranks of rarer n-grams are mostly ties: long steps, whose slope says how long the text is.
MIN_FREQUENCY = 5
# Before so many tokens nearly each is a new one.
MIN_TOKENS = 100
# Fewer points are not fitted.
_MIN_POINTS = 10
_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class PowerLaw:
    """y = constant * x ** exponent, by least squares of log y against log x, points alike.

    Attributes:
        exponent, constant: of the law.
        first, last: the range of x that it was fitted to.
        num_points: how many points were in it.
    """

    exponent: float
    constant: float
    first: int
    last: int
    num_points: int

    def ends(self) -> list[tuple[int, float]]:
        """The points at the ends of its range."""
        return [(x, self.constant * x**self.exponent) for x in (self.first, self.last)]


def zipf_law(frequencies: Mapping[int, int]) -> PowerLaw | None:
    """The law of frequency by rank, fitted to every rank whose frequency is `MIN_FREQUENCY` or
    more; None if there are fewer than 10. Zipf's exponent is the law's with the sign changed.

    Args:
        frequencies: how many n-grams occur so and so often.

    >>> law = zipf_law({27720 // rank: 1 for rank in range(1, 13)})
    >>> round(law.exponent, 2), law.first, law.last
    (-1.0, 1, 12)
    """
    last = sum(number for count, number in frequencies.items() if count >= MIN_FREQUENCY)
    return _fit(_ranks(frequencies), 1, last)


def heaps_law(growth: list[tuple[int, int]]) -> PowerLaw | None:
    """The law of distinct tokens by tokens read, fitted to the points (tokens read, distinct
    tokens among them) from `MIN_TOKENS` on; None if there are fewer than 10.
    """
    points = [point for point in growth if point[0] >= MIN_TOKENS]
    return _fit([np.array(points, float).T], points[0][0], points[-1][0]) if points else None


def _ranks(frequencies: Mapping[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ranks and their frequencies, the most frequent first, in blocks."""
    rank = 1
    for count in sorted(frequencies, reverse=True):
        if count < MIN_FREQUENCY:
            return
        end = rank + frequencies[count]
        for start in range(rank, end, _BLOCK):
            ranks = np.arange(start, min(start + _BLOCK, end), dtype=float)
            yield ranks, np.full(len(ranks), float(count))
        rank = end


def _fit(points, first: int, last: int) -> PowerLaw | None:
    """Least squares from sums, so that there may be any number of points."""
    n = sx = sy = sxx = sxy = 0.0
    for x, y in points:
        x, y = np.log(x), np.log(y)
        n, sx, sy = n + len(x), sx + x.sum(), sy + y.sum()
        sxx, sxy = sxx + (x * x).sum(), sxy + (x * y).sum()
    if n < _MIN_POINTS:
        return None
    exponent = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    constant = np.exp((sy - exponent * sx) / n)
    return PowerLaw(float(exponent), float(constant), first, last, int(n))
