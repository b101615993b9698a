"""The text of tokens that come one by one, ended where a stop string begins."""

from collections.abc import Sequence

from tfseq.serving.writing.growing_text import GrowingText
from tfseq.serving.writing.stop_filter import StopFilter, begin_of
from tfseq.serving.writing.token_texts import Asking, TokenTexts

# As in the graph, `tfseq.generation.controls.stop_strings`: what stands before a stop string may
# move its spaces.
_TOKENS_BEFORE = 4


class StoppedText:
    """A `GrowingText` that ends before the first of a few strings, as in `generate_controlled`.

    A stop string is there as soon as the text of the tokens so far has it. In text of words that is
    not yet the text that is sure: at a token whose name completes a stop string, but for spaces,
    the last tokens are decoded, the same ones as in the graph.

    Args:
        texts: what is known of the tokens.
        stops: the strings, none empty.

    Attributes:
        stopped: whether one was found.
    """

    def __init__(self, texts: TokenTexts, stops: Sequence[str] = ()):
        self.stopped = False
        self._known, self._growing, self._filter = texts, GrowingText(texts), StopFilter(stops)
        self._stops = tuple(stops)
        self._tight = [stop.replace(" ", "") for stop in stops]
        longest = max((len(stop.encode()) for stop in stops), default=0)
        self._window = longest + _TOKENS_BEFORE
        self._num_given = 0

    @property
    def length(self) -> int:
        """Of the text that is sure, with what is held back since a stop string may begin there."""
        return self._growing.length

    def add(self, token: int, likely: Sequence[int] = ()) -> Asking[str]:
        """One token more; returns the text that is now sure. See `GrowingText.add`."""
        piece = self._filter.add((yield from self._growing.add(token, likely)))
        self._num_given += len(piece)
        self.stopped = self._filter.stopped
        if not self.stopped and self._may_be_there() and (yield from self._is_there()):
            self.stopped = True
            whole = yield from self._growing.whole()
            begin = begin_of(whole, self._stops)
            piece += whole[self._num_given : begin]
        return piece

    def end(self) -> Asking[str]:
        """The rest, where no stop string has ended it; one may still."""
        if self.stopped:
            return ""
        piece = self._filter.add((yield from self._growing.end()))
        self.stopped = self._filter.stopped
        return piece if self.stopped else piece + self._filter.finish()

    def _may_be_there(self) -> bool:
        """Whether the names of the last tokens have a stop string that is new, without spaces."""
        if not self._stops or not (self._known.of_words or self._growing.decodes_all):
            return False
        names = [self._known.names.get(token) for token in self._growing.ids[-self._window :]]
        if self._growing.decodes_all or None in names:
            return True
        names = [name.text.replace(" ", "") for name in names]
        text, num_new = "".join(names), len("".join(names[-_TOKENS_BEFORE:]))
        return any(
            text.find(stop, max(0, len(text) - num_new - len(stop) + 1)) >= 0
            for stop in self._tight
        )

    def _is_there(self) -> Asking[bool]:
        (text,) = yield from self._known.ask([self._growing.ids[-self._window :]])
        return begin_of(text, self._stops) is not None
