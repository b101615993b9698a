"""When it is time."""

import time


class Clock:
    """Says that it is time, once every so many seconds."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether it is time; if so, it is not until as much time has passed again."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
