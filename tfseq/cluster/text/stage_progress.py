"""How far the work of a cluster is, and where its time goes."""

import time
from collections.abc import Callable
from typing import TextIO

_REDRAW_SECONDS = 0.2
_LINE_SECONDS = 60.0
_BAR_LENGTH = 24


class StageProgress:
    """Progress over the tasks of one stage after the other.

    On a terminal it is a bar on standard error, else a line a minute.

    Args:
        log: where lines go; the last one says which stage took the longest.
        stream: where the bar is drawn, if that is a terminal.
        clock: seconds.

    >>> seconds = iter([0.0, 61.0, 100.0]).__next__
    >>> progress = StageProgress(print, clock=seconds)
    >>> progress.begin("tokenize", tasks=2, size=200_000_000)
    >>> progress.done(size=122_000_000, tokens=61_000_000)
    tokenize 1/2 tasks, 122.0 of 200.0 MB, 2.0 MB/s, 1,000,000 tokens/s
    >>> progress.end()
    tokenize 100 s: 122.0 MB, 1.2 MB/s, 610,000 tokens/s
    >>> progress.summary()
    'text stage 100 s: tokenize 100%'
    """

    def __init__(
        self,
        log: Callable[[str], None] = lambda line: None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._log, self._clock = log, clock
        self._stream = stream if stream is not None and stream.isatty() else None
        self._seconds: dict[str, float] = {}
        self._stage = ""

    def begin(self, stage: str, tasks: int, size: int = 0) -> None:
        """A stage begins: its name, how many tasks it has, and how many bytes they read."""
        self._stage, self._tasks, self._size = stage, tasks, size
        self._done = self._done_size = self._done_tokens = 0
        self._begun = self._shown = self._clock()

    def done(self, size: int = 0, tokens: int = 0) -> None:
        """A task of the stage has ended: bytes that it read, and tokens that it made."""
        self._done += 1
        self._done_size += size
        self._done_tokens += tokens
        now = self._clock()
        if now - self._shown < (_REDRAW_SECONDS if self._stream else _LINE_SECONDS):
            return
        self._shown = now
        line = f"{self._stage} {self._done}/{self._tasks} tasks"
        if self._size:
            line += f", {self._done_size / 1e6:,.1f} of {self._size / 1e6:,.1f} MB"
        line += self._rates(now - self._begun)
        if self._stream:
            filled = _BAR_LENGTH * self._done // max(1, self._tasks)
            self._stream.write(f"\r\033[K[{'#' * filled:{_BAR_LENGTH}}] {line}")
            self._stream.flush()
        else:
            self._log(line)

    def end(self) -> None:
        """The stage has ended."""
        now = self._clock()
        seconds = now - self._begun
        self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + seconds
        if self._stream:
            self._stream.write("\r\033[K")
            self._stream.flush()
        if self._size:
            self._log(
                f"{self._stage} {seconds:,.0f} s: {self._done_size / 1e6:,.1f} MB"
                f"{self._rates(seconds)}"
            )

    def summary(self) -> str:
        """All stages in a line, with their parts of the time, the longest one first."""
        total = sum(self._seconds.values())
        ordered = sorted(self._seconds.items(), key=lambda stage: -stage[1])
        parts = (f"{stage} {seconds / max(total, 1e-9):.0%}" for stage, seconds in ordered)
        return f"text stage {total:,.0f} s: {', '.join(parts)}"

    def _rates(self, seconds: float) -> str:
        text, seconds = "", max(seconds, 1e-9)
        if self._done_size:
            text += f", {self._done_size / 1e6 / seconds:,.1f} MB/s"
        if self._done_tokens:
            text += f", {self._done_tokens / seconds:,.0f} tokens/s"
        return text
