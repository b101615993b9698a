"""Text given on as it comes, up to where one of a few strings begins."""

from collections.abc import Sequence


class StopFilter:
    """Holds back what may be the beginning of a stop string.

    Args:
        stops: the strings; the text ends before the first that is completed.

    Attributes:
        stopped: whether one was found.

    >>> given = StopFilter(["END", "\\n"])
    >>> [given.add(piece) for piece in ["to the E", "ast. ", "EN", "D of it"]], given.stopped
    (['to the ', 'East. ', '', ''], True)
    """

    def __init__(self, stops: Sequence[str]):
        self._stops = stops
        self._held = ""
        self.stopped = False

    def add(self, piece: str) -> str:
        """What may be given on now that there is one piece more."""
        if self.stopped:
            return ""
        text = self._held + piece
        begin = begin_of(text, self._stops)
        if begin is not None:
            self.stopped, self._held = True, ""
            return text[:begin]
        num_held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - num_held :]
        return text[: len(text) - num_held]

    def finish(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return held


def begin_of(text: str, stops: Sequence[str]) -> int | None:
    """Where the first of some strings begins in a text; None where there is none.

    >>> begin_of("to the end", ["end", "the"]), begin_of("to", ["end"])
    (3, None)
    """
    return min((begin for stop in stops if (begin := text.find(stop)) >= 0), default=None)


def _overlap(text: str, stop: str) -> int:
    """How much of a string's beginning the text ends with."""
    lengths = range(min(len(text), len(stop) - 1), 0, -1)
    return next((n for n in lengths if text.endswith(stop[:n])), 0)
