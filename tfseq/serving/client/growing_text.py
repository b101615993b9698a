"""The text of tokens that come one by one, by asking for little of it at a time."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tfseq.serving.client.transport import ServingError

#: Rows of ids, of one length, to their texts.
Decode = Callable[[list[list[int]]], Sequence[str]]

# The end of a text of words whose space goes where more follows: `well -` of `well-known`, and
# `u. s` of `u.s.`
_MAY_CLOSE_UP = re.compile(r" (?:[-/]|[^\W\d_])\Z")
_WORD = re.compile(r"[A-Za-z]{2,}")
# What has no space to its left or right, nor takes part in any other rule of spacing.
_EAST_ASIAN = re.compile(r"(?:CJK UNIFIED IDEOGRAPH|HIRAGANA LETTER|KATAKANA LETTER)\b.*")
_PARTIAL = "\ufffd"
# Rows of a request. A server that puts requests together may take fewer.
_MOST_ROWS = 32
_FIRST_CHECK = 8
# So many tokens without a character are cut in two; half of them is more than a character has.
_MOST_BYTES = 16


class _Name(NamedTuple):
    """A token's own text, and whether it is a word like any other, of ASCII letters."""

    text: str
    is_word: bool


class GrowingText:
    """The text of tokens that come one by one: what later tokens will not change is given at once.

    Texts are those of the model's own `decode`, which is asked for no more than it takes. The texts
    of single tokens are asked for once, many at a time. Where tokens are just put together, that is
    all, but for characters of several tokens: their bytes are decoded together.

    Words get their spaces from their neighbours. A decision between two tokens rests on what
    stands between the spaces around them, so it is decoded from the last space on that is sure to
    stay; and since all words of two or more ASCII letters are spaced alike, each row of words and
    signs is decoded once. What follows a straight double quote is held back until the quote that
    ends it: the space after the first goes only if there is a second.

    At every doubling of its length the whole text is decoded and compared. The text of a tokenizer
    of one's own for which none of this holds is decoded as a whole from then on.

    Args:
        decode: rows of ids, all of one length, to their texts.
        of_words: whether tokens are words, which are put together with spaces.
    """

    def __init__(self, decode: Decode, of_words: bool):
        self._decode, self._of_words = decode, of_words
        self._names: dict[int, _Name | None] = {}
        # Spaces of rows of tokens, None standing for any word.
        self._spaces: dict[tuple[int | None, ...], tuple[bool, ...]] = {}
        self._most_rows = _MOST_ROWS
        self._ids: list[int] = []
        self._given = ""
        self._check_at = _FIRST_CHECK
        self._decodes_all = False
        # The last tokens, and the beginning of their text that is given; their text up to each of
        # them, None where nobody has asked.
        self._window: list[int] = []
        self._window_given = ""
        self._texts: list[str | None] = []

    def add(self, token: int, likely: Sequence[int] = ()) -> str:
        """One token more; returns the text that is now sure, which may be empty.

        Args:
            token: its id.
            likely: tokens that may follow some time, the likeliest first. Their texts are asked for
                with this one's.
        """
        self._ids.append(token)
        if self._decodes_all:
            return self._give_of_all()
        before = self._given
        if self._of_words:
            self._add_word(token, likely)
        else:
            self._add_characters(token, likely)
        if len(self._ids) == self._check_at:
            self._check_at *= 2
            self._check()
        return self._given[len(before) :]

    def end(self) -> str:
        """The rest."""
        before = self._given
        self._given = before + self._whole()[len(before) :]
        return self._given[len(before) :]

    def _whole(self) -> str:
        return self._decode([self._ids])[0] if self._ids else ""

    def _check(self) -> None:
        if not self._whole().startswith(self._given):
            self._decodes_all = True

    def _give_of_all(self) -> str:
        sure = _sure(self._whole(), self._of_words)
        piece = sure[len(self._given) :]
        self._given += piece
        return piece

    def _give(self, text: str) -> None:
        """Give the sure part of the window's text."""
        sure = _sure(text, self._of_words)
        if not text.startswith(self._window_given):
            self._decodes_all = True
        elif len(sure) > len(self._window_given):
            self._given += sure[len(self._window_given) :]
            self._window_given = sure

    def _add_characters(self, token: int, likely: Sequence[int]) -> None:
        name = self._name(token, likely)
        if not self._window and name is not None and _PARTIAL not in name.text:
            self._given += name.text
            return
        self._window.append(token)
        text = self._decode([self._window])[0]
        self._give(text)
        if not text.endswith(_PARTIAL):
            self._window, self._window_given = [], ""
        elif len(self._window) % _MOST_BYTES == 0:
            self._cut_bytes(text)

    def _cut_bytes(self, text: str) -> None:
        """Leave out the first half of many bytes that make no characters, if no beginning of one
        ends it: that would count twice."""
        half = len(self._window) // 2
        first, second = self._ask([self._window[:half], self._window[half:]])
        if first + second == text:
            self._window = self._window[half:]
            self._window_given = self._window_given[len(first) :]

    def _add_word(self, token: int, likely: Sequence[int]) -> None:
        self._window.append(token)
        self._texts.append(None)
        name = self._name(token, likely)
        in_quotes = _open_quote(self._window_given) is not None
        if in_quotes and name is not None and '"' not in name.text:
            return
        text = self._window_text()
        self._texts[-1] = text
        self._give(text)
        self._cut(text)

    def _window_text(self) -> str:
        names = [self._names[token] for token in self._window]
        key = tuple(
            None if name is not None and name.is_word else token
            for token, name in zip(self._window, names, strict=True)
        )
        if key not in self._spaces:
            text = self._decode([self._window])[0]
            spaces = _spaces(text, names)
            if spaces is None:
                return text
            self._spaces[key] = spaces
        return "".join(
            " " * space + name.text
            for space, name in zip(self._spaces[key], names, strict=True)
            if name is not None
        )

    def _cut(self, text: str) -> None:
        """Leave out of the window what no later token can reach."""
        for number in range(len(self._window) - 2, 0, -1):
            head = self._texts[number - 1]
            if head is None or not text.startswith(head) or _open_quote(head) is not None:
                continue
            place = len(head) + text.startswith(" ", len(head))
            if len(self._window_given) <= place or not _may_be_cut(text, len(head), place):
                continue
            start = text[:place]
            self._window = self._window[number:]
            self._window_given = self._window_given[place:]
            self._texts = [
                known[place:] if known is not None and known.startswith(start) else None
                for known in self._texts[number:]
            ]
            return

    def _name(self, token: int, likely: Sequence[int]) -> _Name | None:
        """A token's own text; None where it cannot be told.

        A word is seen beside itself: what marks its end or its beginning would show.
        """
        if token not in self._names:
            others = [int(i) for i in likely if i not in self._names and i != token]
            asked = [token, *others[: self._most_rows - 1]]
            if self._of_words:
                names = [_twice(text) for text in self._ask([[i, i] for i in asked])]
            else:
                names = [_Name(text, False) for text in self._ask([[i] for i in asked])]
            self._names.update(zip(asked, names, strict=True))
        return self._names[token]

    def _ask(self, rows: list[list[int]]) -> list[str]:
        """The texts of rows, in as many requests as the server wants of them."""
        while True:
            most = self._most_rows
            parts = [rows[start : start + most] for start in range(0, len(rows), most)]
            try:
                return [text for part in parts for text in self._decode(part)]
            except ServingError as error:
                if most == 1 or error.code != "INVALID_ARGUMENT":
                    raise
                self._most_rows = most // 2


def _sure(text: str, of_words: bool) -> str:
    """The beginning of a text that later tokens do not change."""
    if not of_words:
        # Of bytes that make no character, only the last may be the beginning of one.
        return text.removesuffix(_PARTIAL)
    quote = _open_quote(text)
    return _MAY_CLOSE_UP.sub("", text) if quote is None else text[: quote + 1]


def _open_quote(text: str) -> int | None:
    """The place of a straight double quote that one to come may pair with.

    Quotes are paired from the left, if something stands between them that does not belong to the
    first.
    """
    opening = None
    for match in re.finditer('"', text):
        between = "" if opening is None else text[opening + 1 : match.start()].strip(" ")
        pairs = between and not _extends(between[0])
        opening = None if pairs else match.start()
    return opening


def _extends(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or character in "\u200c\u200d\xad"


def _may_be_cut(text: str, end: int, start: int) -> bool:
    """Whether a text may be cut between two tokens: at a space, or between two East Asian letters,
    where none ever stands."""
    return start > end or all(
        _EAST_ASIAN.match(unicodedata.name(character, "")) for character in text[end - 1 : end + 1]
    )


def _twice(text: str) -> _Name | None:
    """The token whose text, beside itself, this is."""
    half, space = divmod(len(text), 2)
    if text[:half] != text[half + space :] or (space and text[half] != " "):
        return None
    return _Name(text[:half], bool(space and _WORD.fullmatch(text[:half])))


def _spaces(text: str, names: Sequence[_Name | None]) -> tuple[bool, ...] | None:
    """Before which tokens a text has spaces; None where it is not their texts and spaces alone."""
    place, spaces = 0, []
    for number, name in enumerate(names):
        if name is None:
            return None
        spaces.append(number > 0 and text.startswith(" ", place))
        place += spaces[-1]
        if not text.startswith(name.text, place):
            return None
        place += len(name.text)
    return tuple(spaces) if place == len(text) else None
