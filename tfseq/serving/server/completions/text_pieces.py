"""The text of tokens as they come: whole characters, and nothing that a later token changes."""

import re
from collections.abc import Sequence

import numpy as np

from tfseq.serving.server.completions.sessions import Session

# The end of a text of words whose space goes where more follows: `well -` of `well-known`, and
# `u. s` of `u.s.`
_MAY_CLOSE_UP = re.compile(r" (?:[-/]|[^\W\d_])\Z")
_BROKEN = "\ufffd"
# Tokens whose texts are asked for together.
_ASKED_AT_ONCE = 32
# Bytes that make no character are held back as long as they may still make one.
_MOST_BROKEN = 32
# Words are put together anew only as far back as this, and less than twice as far.
_NUM_WORDS = 48
_NUM_BEFORE = 16


class TokenTexts:
    """What single tokens stand for, asked for once; kept in a session's knowledge."""

    def __init__(self, session: Session):
        self._session = session
        self._texts = session.knowledge.texts

    async def of(self, token: int, likely: Sequence[int] = ()) -> str:
        """The text of one token; if it must be asked for, that of others likely soon comes too."""
        if token not in self._texts:
            others = [int(t) for t in likely if t not in self._texts and t != token]
            await self._ask([token, *others[: _ASKED_AT_ONCE - 1]])
        return self._texts[token]

    async def of_all(self, tokens: Sequence[int]) -> list[str]:
        """The texts of several tokens."""
        unknown = sorted({int(token) for token in tokens} - self._texts.keys())
        for start in range(0, len(unknown), _ASKED_AT_ONCE):
            await self._ask(unknown[start : start + _ASKED_AT_ONCE])
        return [self._texts[int(token)] for token in tokens]

    async def _ask(self, tokens: list[int]) -> None:
        texts = await decode(self._session, [[token] for token in tokens])
        self._texts.update(zip(tokens, texts, strict=True))


class JoinedTokens:
    """The text of characters or subwords, whose texts stand one after the other.

    Of a character that is several tokens nothing is given until the last of them.
    """

    def __init__(self, session: Session):
        self._session, self._texts = session, TokenTexts(session)
        self._broken: list[int] = []
        self._broken_text = ""

    async def add(self, token: int, likely: Sequence[int] = ()) -> str:
        """The text that is certain with one more token."""
        text = await self._texts.of(token, likely)
        if _BROKEN not in text:
            return await self.finish() + text
        self._broken.append(token)
        (self._broken_text,) = await decode(self._session, [self._broken])
        whole = not self._broken_text.endswith(_BROKEN)
        return await self.finish() if whole or len(self._broken) >= _MOST_BROKEN else ""

    async def finish(self) -> str:
        """What was held back."""
        text, self._broken_text = self._broken_text, ""
        self._broken.clear()
        return text


class JoinedWords:
    """The text of words, with the spaces that print has between them.

    Words need their neighbours: text after a straight double quote waits for the quote that ends
    it, and a hyphen or a single letter for the token after it. Each word is put together with
    those before it, as far back as matters.
    """

    def __init__(self, session: Session):
        self._session, self._texts = session, TokenTexts(session)
        self._tokens: list[int] = []
        self._text, self._num_given = "", 0
        self._in_quotes = False

    async def add(self, token: int, likely: Sequence[int] = ()) -> str:
        """The text that is certain with one more token."""
        self._tokens.append(token)
        if self._in_quotes and '"' not in await self._texts.of(token, likely):
            return ""
        (self._text,) = await decode(self._session, [self._tokens])
        stable = _MAY_CLOSE_UP.sub("", self._text)
        self._in_quotes = self._text.count('"') % 2 == 1
        if self._in_quotes:
            stable = self._text[: self._text.rindex('"')].rstrip()
        piece = self._give(stable)
        if not self._in_quotes and len(self._tokens) >= 2 * _NUM_WORDS:
            await self._forget()
        return piece

    async def finish(self) -> str:
        """What was held back."""
        if self._in_quotes:
            (self._text,) = await decode(self._session, [self._tokens])
        return self._give(self._text)

    def _give(self, stable: str) -> str:
        piece = stable[self._num_given :]
        self._num_given = max(self._num_given, len(stable))
        return piece

    async def _forget(self) -> None:
        """Leave out the first words, where the rest are put together as they were with them."""
        rest = self._tokens[-_NUM_BEFORE:]
        (text,) = await decode(self._session, [rest])
        given = len(text) - (len(self._text) - self._num_given)
        if self._text.endswith(text) and text.count('"') % 2 == 0 and given >= 0:
            self._tokens, self._text, self._num_given = rest, text, given


async def text_pieces(session: Session) -> JoinedTokens | JoinedWords:
    """What puts the tokens of a model together."""
    knowledge = session.knowledge
    if knowledge.are_words is None:
        knowledge.are_words = await _are_words(session)
    return JoinedWords(session) if knowledge.are_words else JoinedTokens(session)


async def _are_words(session: Session) -> bool:
    outputs = await session.predict("encode", {"text": strings(["a b", "a  b"])})
    ids, lengths = outputs["token_ids"], outputs["num_tokens"]
    if lengths[0] != 2:
        return False
    # Subwords keep their spaces.
    return (await decode(session, [ids[1, : lengths[1]].tolist()]))[0] != "a  b"


async def decode(session: Session, rows: Sequence[Sequence[int]]) -> list[str]:
    """The texts of rows of equally many tokens."""
    token_ids = np.array(rows, np.int32).reshape(len(rows), -1)
    lengths = np.full(len(rows), token_ids.shape[1], np.int32)
    outputs = await session.predict("decode", {"token_ids": token_ids, "num_tokens": lengths})
    return [text.decode("utf-8", "replace") for text in outputs["text"].tolist()]


def strings(texts: Sequence[str]) -> np.ndarray:
    """Texts as a tensor of strings [B]."""
    array = np.empty(len(texts), object)
    array[:] = [text.encode() for text in texts]
    return array
