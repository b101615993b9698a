"""How far a long piece of work is, a line a minute."""

import time
from collections.abc import Callable

from tfseq.runs.steps.clock import Clock

_SECONDS_A_LINE = 60.0


class Progress:
    """Says once a minute, and at the end, how much has been done.

    Args:
        log: where lines go.
        unit: what is counted, in the plural.
    """

    def __init__(self, log: Callable[[str], None], unit: str):
        self._log, self._unit, self._done, self._before = log, unit, 0, 0
        self._start, self._clock = time.monotonic(), Clock(_SECONDS_A_LINE)

    def was_done(self, number: int) -> None:
        """Count what was done by an earlier command."""
        self._before += number

    def done(self, number: int) -> None:
        """Count what has been done."""
        self._done += number
        if self._clock.due():
            self._log(f"{self._done + self._before:,} {self._unit}, {self._rate()}")

    def end(self, what: str) -> None:
        """Say what is done, and how much it is."""
        before = f", {self._before:,} of them before" if self._before else ""
        rate = f", {self._rate()}" if self._done else ""
        self._log(f"{what}: {self._done + self._before:,} {self._unit}{before}{rate}")

    def _rate(self) -> str:
        return f"{self._done / max(time.monotonic() - self._start, 1e-9):,.0f} a second"
