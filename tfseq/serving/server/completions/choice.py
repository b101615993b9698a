"""One continuation of a prompt while it is written."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tfseq.serving.server.completions.decoding import find
from tfseq.serving.server.completions.sessions import Session
from tfseq.serving.writing.stopped_text import StoppedText
from tfseq.serving.writing.token_texts import TokenTexts


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


@dataclass
class Usage:
    """What was read and written for an answer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def as_json(self) -> dict[str, int]:
        """As OpenAI's API shows it."""
        return {**vars(self), "total_tokens": self.prompt_tokens + self.completion_tokens}


class Choice:
    """The text of one continuation, cut at a stop string, and the tokens that made it.

    Args:
        index: its place in the answer.
        session: the model.
        texts: what is known of its tokens.
        stops: stop strings.
        start: how long the text before it is, where that is given too.
    """

    def __init__(
        self,
        index: int,
        session: Session,
        texts: TokenTexts,
        stops: Sequence[str],
        start: int = 0,
    ):
        self.index, self.num_tokens = index, 0
        self._session, self._text = session, StoppedText(texts, stops)
        self._shown: deque[ShownToken] = deque()
        self._of_words = texts.of_words
        # What was given, and of words how much of it is that of tokens that were shown.
        self._lead, self._start, self._given, self._end = "", start, "", 0

    async def add(
        self, token: int, likely: Sequence[int], shown: ShownToken | None, lead: str = ""
    ) -> Piece:
        """The next token; `lead` stands before the first text."""
        self.num_tokens += 1
        self._lead += lead
        if shown is not None:
            # Of words it is seen once they are given.
            shown.offset = self._start + self._text.length
            self._shown.append(shown)
        return self._give(await find(self._session, self._text.add(token, likely)))

    async def finish(self, reason: str) -> Piece:
        """The rest, where no stop string has ended it."""
        piece = self._give(await find(self._session, self._text.end()))
        if piece.finish_reason is None:
            piece.finish_reason = reason
            while self._shown:
                piece.tokens.append(self._next())
        return piece

    async def end(self) -> Piece:
        """The text has ended by itself."""
        self.num_tokens += 1
        return await self.finish("stop")

    def _give(self, text: str) -> Piece:
        if text and self._lead:
            text, self._lead = self._lead + text, ""
        self._given += text
        tokens = []
        while self._shown and self._is_given(self._shown[0]):
            tokens.append(self._next())
        if self._text.stopped:
            if self._of_words and self._shown and self._given[self._end :].strip():
                tokens.append(self._next())
            self._shown.clear()
            return Piece(self.index, text, tokens, "stop")
        return Piece(self.index, text, tokens)

    def _is_given(self, token: ShownToken) -> bool:
        """Whether text of a token was given; of a word, the whole of it."""
        if self._of_words:
            return self._given.find(token.text, self._end) >= 0
        return token.offset < self._start + len(self._given)

    def _next(self) -> ShownToken:
        """The first token that is not shown, with its place in the text."""
        token = self._shown.popleft()
        if self._of_words:
            begin = self._given.find(token.text, self._end)
            if begin < 0:  # Of one that is cut, the first sign.
                rest = self._given[self._end :]
                begin = self._end + len(rest) - len(rest.lstrip())
            self._end = min(begin + len(token.text), len(self._given))
            token.offset = self._start + begin
        return token
