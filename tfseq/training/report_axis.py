"""An axis of a chart: its range, and the round numbers beside it."""

import itertools
import math
from collections.abc import Sequence

from tfseq.training.report_format import shown


class Axis:
    """The range of some values, linear or logarithmic.

    Args:
        values: finite numbers, positive ones where `log`; at least one.
        log: a logarithmic axis.
        margin: share of the range left free at either end.

    Example:

    >>> axis = Axis([0, 10])
    >>> axis.share(2.5), [label for _, label in axis.ticks(5)]
    (0.25, ['0', '2', '4', '6', '8', '10'])
    """

    def __init__(self, values: Sequence[float], log: bool = False, margin: float = 0.0):
        self.log = log
        low, high = self._scaled(min(values)), self._scaled(max(values))
        if low == high:
            reach = 0.5 if log else abs(low) / 2 or 0.5
            low, high = low - reach, high + reach
        self._low = low - margin * (high - low)
        self._high = high + margin * (high - low)

    @property
    def low(self) -> float:
        """The value at the beginning of the axis."""
        return 10**self._low if self.log else self._low

    def share(self, value: float) -> float:
        """Where on the axis a value is, from 0 at its beginning to 1 at its end."""
        return (self._scaled(value) - self._low) / (self._high - self._low)

    def ticks(self, count: int) -> list[tuple[float, str]]:
        """Round values on the axis with their labels: about `count`, or fewer."""
        values = self._log_ticks(count) if self.log else []
        if len(values) < 3:
            low, high = (10**self._low, 10**self._high) if self.log else (self._low, self._high)
            values = _round_values(low, high, count)
        return [(value, _label(value, values)) for value in values]

    def _log_ticks(self, count: int) -> list[float]:
        first, last = math.floor(self._low), math.ceil(self._high)
        decades = self._high - self._low
        factors = (1, 2, 5) if decades < count / 2.5 else (1, 3) if decades < count / 2 else (1,)
        stride = max(1, math.ceil(decades / count))
        values = [10.0**e * f for e in range(first, last + 1, stride) for f in factors]
        return [v for v in values if self._low <= math.log10(v) <= self._high]

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else float(value)


def _round_values(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def _label(value: float, values: list[float]) -> str:
    """The value with the digits that its neighbours need."""
    largest = max(map(abs, values))
    if not 1e-3 <= largest < 1e6 or (value and abs(value) < 1e-3):
        if abs(value) < 1e-12 * largest:
            return "0"
        label = shown(float(f"{value:.3g}"))
        return label.removeprefix("1 × ")
    gaps = [b - a for a, b in itertools.pairwise(values)] or [abs(value) or 1.0]
    digits = max(0, -math.floor(math.log10(min(min(gaps), abs(value) or math.inf)) + 1e-9))
    text = f"{value:,.{digits}f}" if digits <= 6 else f"{value:g}"
    return text.replace("-", "−")
