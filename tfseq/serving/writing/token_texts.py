"""What the tokens of a model stand for, asked for in few requests and kept for all its texts."""

import re
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import NamedTuple, TypeVar

Answer = TypeVar("Answer")
#: Work that gives rows of ids, is sent their texts, and returns an answer in the end. So it does
#: for a client that waits and for a server that does not.
Asking = Generator[list[list[int]], Sequence[str], Answer]

# Rows of a request. A server that puts requests together may take fewer.
_MOST_ROWS = 32
_MOST_SPACINGS = 100_000
_WORD = re.compile(r"[A-Za-z]{2,}")


class Name(NamedTuple):
    """A token's own text, and whether it is a word like any other, of ASCII letters."""

    text: str
    is_word: bool


class TokenTexts:
    """The texts of single tokens, and the spaces of rows of words.

    Args:
        of_words: whether tokens are words, which get their spaces when they are put together.

    Attributes:
        names: token -> its text; None where it cannot be told.
        spacings: rows of tokens, None standing for any word, -> before which there are spaces.
    """

    def __init__(self, of_words: bool):
        self.of_words = of_words
        self.names: dict[int, Name | None] = {}
        self.spacings: dict[tuple[int | None, ...], tuple[bool, ...]] = {}
        self._alone: dict[int, str] = {}
        self._most_rows = _MOST_ROWS

    def learn(
        self, token: int, likely: Sequence[int] = (), also: Sequence[list[int]] = ()
    ) -> Asking[list[str]]:
        """Ask for the name of a token, if it is unknown, and for rows, in one request.

        The request is filled up with the names of tokens likely to follow. Returns the texts of the
        rows.
        """
        if token in self.names and not also:
            return []
        room = max(1, self._most_rows - len(also))
        unknown = [int(i) for i in [token, *likely] if int(i) not in self.names]
        unknown = list(dict.fromkeys(unknown))[:room]
        texts = yield from self.ask([*map(self._row, unknown), *also])
        self._keep(unknown, texts)
        return texts[len(unknown) :]

    def of(self, tokens: Sequence[int]) -> Asking[list[str]]:
        """The texts of several tokens, each alone."""
        unknown = list(dict.fromkeys(int(i) for i in tokens if int(i) not in self.names))
        if unknown:
            texts = yield from self.ask([self._row(i) for i in unknown])
            self._keep(unknown, texts)
        alone = [int(i) for i in tokens if self.names[int(i)] is None]
        alone = [i for i in dict.fromkeys(alone) if i not in self._alone]
        if alone:
            texts = yield from self.ask([[i] for i in alone])
            self._alone.update(zip(alone, texts, strict=True))
        names = [(int(i), self.names[int(i)]) for i in tokens]
        return [self._alone[i] if name is None else name.text for i, name in names]

    def keep_spacing(self, key: tuple[int | None, ...], spaces: tuple[bool, ...]) -> None:
        """Remember before which tokens of a row there are spaces."""
        if len(self.spacings) >= _MOST_SPACINGS:
            self.spacings.clear()
        self.spacings[key] = spaces

    def ask(self, rows: list[list[int]]) -> Asking[list[str]]:
        """The texts of rows, in as many requests as the server wants of them."""
        while True:
            most = self._most_rows
            try:
                texts = []
                for start in range(0, len(rows), most):
                    texts.extend((yield rows[start : start + most]))
                return texts
            except Exception as error:
                if most == 1 or getattr(error, "code", None) != "INVALID_ARGUMENT":
                    raise
                self._most_rows = most // 2

    def _row(self, token: int) -> list[int]:
        """A word is seen beside itself: what marks its end or its beginning would show."""
        return [token, token] if self.of_words else [token]

    def _keep(self, tokens: Sequence[int], texts: Sequence[str]) -> None:
        for token, text in zip(tokens, texts, strict=False):
            self.names[token] = _twice(text) if self.of_words else Name(text, False)


def find_token_texts(single: Sequence[int], double: Sequence[int]) -> Asking[TokenTexts]:
    """The `TokenTexts` of a model, told by the ids that it has for `a b` and for `a  b`."""
    if len(single) != 2:
        return TokenTexts(of_words=False)
    # Subwords keep their spaces.
    (text,) = yield [list(map(int, double))]
    return TokenTexts(of_words=text != "a  b")


def answered(asking: Asking[Answer], decode: Callable[[list[list[int]]], Sequence[str]]) -> Answer:
    """The answer of some work, `decode` giving the texts that it asks for.

    >>> answered(TokenTexts(of_words=False).of([7, 5]), lambda rows: [str(row) for row in rows])
    ['[7]', '[5]']
    """
    try:
        rows = next(asking)
        while True:
            try:
                texts = decode(rows)
            except Exception as error:
                rows = asking.throw(error)
            else:
                rows = asking.send(texts)
    except StopIteration as end:
        return end.value


async def answered_later(
    asking: Asking[Answer], decode: Callable[[list[list[int]]], Awaitable[Sequence[str]]]
) -> Answer:
    """The same where `decode` is awaited."""
    try:
        rows = next(asking)
        while True:
            try:
                texts = await decode(rows)
            except Exception as error:
                rows = asking.throw(error)
            else:
                rows = asking.send(texts)
    except StopIteration as end:
        return end.value


def _twice(text: str) -> Name | None:
    """The token whose text, beside itself, this is."""
    half, space = divmod(len(text), 2)
    if text[:half] != text[half + space :] or (space and text[half] != " "):
        return None
    return Name(text[:half], bool(space and _WORD.fullmatch(text[:half])))
