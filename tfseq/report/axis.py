"""An axis of a chart: its range, and the round numbers beside it."""

import itertools
import math
from collections.abc import Sequence

from tfseq.report.format import power_of_ten, shown

_DIVISIONS = (
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
    (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 4, 5, 7),
    (1, 2, 5),
    (1, 3),
    (1,),
)


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
        # Epochs and steps are not halved.
        self._least_step = float(all(float(value).is_integer() for value in values))
        if high - low <= 1e-9 * max(abs(low), abs(high)):
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
        if self.log:
            values = self._log_ticks(count)
            if len(values) >= 3:
                return [(value, shown(value).removeprefix("1 × ")) for value in values]
            values = _round_values(10**self._low, 10**self._high, count)
        else:
            values = _round_values(self._low, self._high, count, least=self._least_step)
        return [(value, _label(value, values)) for value in values]

    def _log_ticks(self, count: int) -> list[float]:
        """Round values with the finest division of a decade that is not too crowded."""
        decades = range(math.floor(self._low), math.ceil(self._high) + 1)
        for factors in _DIVISIONS:
            values = [float(f"{f}e{e}") for e in decades for f in factors]
            values = [v for v in values if self._low <= math.log10(v) <= self._high]
            if len(values) <= count + 1:
                return values
        return values[:: math.ceil(len(values) / count)]

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else float(value)


def _round_values(low: float, high: float, count: int, least: float = 0.0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, at least `least` apart."""
    rough = max((high - low) / count, least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def _label(value: float, values: list[float]) -> str:
    """The value with as many digits as tell it from its neighbours."""
    largest = max(map(abs, values))
    gap = min((b - a for a, b in itertools.pairwise(values)), default=largest or 1.0)
    place = math.floor(math.log10(gap) + 1e-9)
    if largest == 0 or 1e-3 <= largest < 1e6:
        return f"{value:,.{max(0, -place)}f}".replace("-", "−")
    power = math.floor(math.log10(largest))
    if abs(value) < gap / 2:
        return "0"
    return power_of_ten(f"{value / 10.0**power:.{max(0, power - place)}f}", power)
