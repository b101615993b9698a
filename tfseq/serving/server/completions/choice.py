"""One continuation of a prompt while it is written."""

from collections import deque
from dataclasses import dataclass, field

from tfseq.serving.server.completions.stop_filter import StopFilter


@dataclass
class ShownToken:
    """A token as OpenAI's `logprobs` show it.

    Attributes:
        text: what it stands for, alone.
        log_probability: natural, the model's own; None for the first token of a prompt.
        top: the most probable tokens in its place, with their log probabilities.
        offset: where its text begins in that of the choice.
    """

    text: str
    log_probability: float | None
    top: dict[str, float] | None
    offset: int


@dataclass
class Piece:
    """What one step adds to a choice.

    Attributes:
        index: of the choice.
        finish_reason: `stop` or `length` in its last piece.
    """

    index: int
    text: str
    tokens: list[ShownToken] = field(default_factory=list)
    finish_reason: str | None = None


class Choice:
    """The text of one continuation, cut at a stop string, and the tokens that made it.

    Args:
        index: its place in the answer.
        pieces: puts its tokens together; see `text_pieces`.
        stops: stop strings.
        start: how long the text before it is, where that is given too.
    """

    def __init__(self, index, pieces, stops, start: int = 0):
        self.index, self.num_tokens = index, 0
        self._pieces, self._filter = pieces, StopFilter(stops)
        self._shown: deque[ShownToken] = deque()
        # Characters that were put together, and those that were given on.
        self._length = self._given = start

    async def add(self, token: int, likely, shown: ShownToken | None, lead: str = "") -> Piece:
        """The next token; `lead` stands before it."""
        self.num_tokens += 1
        if shown is not None:
            shown.offset = self._length
            self._shown.append(shown)
        return self._give(lead + await self._pieces.add(token, likely))

    async def finish(self, reason: str) -> Piece:
        """The rest, where no stop string has ended it."""
        piece = self._give(await self._pieces.finish())
        if piece.finish_reason is None:
            rest = self._filter.finish()
            self._given += len(rest)
            piece = Piece(self.index, piece.text + rest, piece.tokens, reason)
        piece.tokens += self._shown
        self._shown.clear()
        return piece

    async def end(self) -> Piece:
        """The text has ended by itself."""
        self.num_tokens += 1
        return await self.finish("stop")

    def _give(self, text: str) -> Piece:
        self._length += len(text)
        piece = self._filter.add(text)
        self._given += len(piece)
        tokens = []
        while self._shown and self._shown[0].offset < self._given:
            tokens.append(self._shown.popleft())
        if self._filter.stopped:
            self._shown.clear()
            return Piece(self.index, piece, tokens, "stop")
        return Piece(self.index, piece, tokens)
