"""The text of tokens that come one by one, by asking for little of it at a time."""

import re
import unicodedata
from collections.abc import Sequence

from tfseq.serving.writing.token_texts import Asking, Name, TokenTexts

# The end of a text of words whose space goes where more follows: `well -` of `well-known`, and
# `u. s` of `u.s.`
_MAY_CLOSE_UP = re.compile(r" (?:[-/]|[^\W\d_])\Z")
# What has no space to its left or right, nor takes part in any other rule of spacing.
_EAST_ASIAN = re.compile(r"(?:CJK UNIFIED IDEOGRAPH|HIRAGANA LETTER|KATAKANA LETTER)\b.*")
_PARTIAL = "\ufffd"
_FIRST_CHECK = 8
# So many tokens without a character are cut in two; half of them is more than a character has.
_MOST_BYTES = 16
# So many words between which nothing can be cut are put together from the last ones on.
_MOST_WORDS = 48
_LAST_WORDS = 16


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
    of one's own for which none of this holds is decoded as a whole from then on, ever more seldom.
    So the tokens that are decoded are as many as those of the text, but for a factor.

    Its methods are `Asking`: they give rows of ids and are sent the texts; see `answered`.

    Args:
        texts: what is known of the tokens; texts of one model may share it.

    Attributes:
        ids: the tokens.
        length: of the text that was given.
        decodes_all: whether it is decoded as a whole.

    Example:
        >>> from tfseq.serving.writing.token_texts import TokenTexts, answered
        >>> decode = lambda rows: [bytes(row).decode("utf-8", "replace") for row in rows]
        >>> text = GrowingText(TokenTexts(of_words=False))
        >>> [answered(text.add(byte), decode) for byte in "aé".encode()]
        ['a', '', 'é']
    """

    def __init__(self, texts: TokenTexts):
        self.ids: list[int] = []
        self.decodes_all = False
        self._known, self._of_words = texts, texts.of_words
        self._pieces: list[str] = []
        self.length = 0
        self._check_at = self._next_whole = _FIRST_CHECK
        # The last tokens, and the beginning of their text that is given; their text up to each of
        # them, None where nobody has asked.
        self._window: list[int] = []
        self._window_given = ""
        self._texts: list[str | None] = []

    def add(self, token: int, likely: Sequence[int] = ()) -> Asking[str]:
        """One token more; returns the text that is now sure, which may be empty.

        Args:
            token: its id.
            likely: tokens that may follow some time, the likeliest first. Their texts are asked for
                with this one's.
        """
        self.ids.append(token)
        if self.decodes_all:
            return self._gave((yield from self._rest_of_all()))
        add = self._add_word if self._of_words else self._add_characters
        piece = self._gave((yield from add(token, likely)))
        if len(self.ids) == self._check_at:
            self._check_at *= 2
            whole = yield from self.whole()
            self.decodes_all |= not whole.startswith("".join(self._pieces))
            self._next_whole = len(self.ids) + 1
        return piece

    def end(self) -> Asking[str]:
        """The rest."""
        whole = yield from self.whole()
        return self._gave(whole[self.length :])

    def whole(self) -> Asking[str]:
        """The text of all tokens so far, what is not sure included."""
        return (yield from self._known.ask([self.ids]))[0] if self.ids else ""

    def _gave(self, piece: str) -> str:
        self.length += len(piece)
        self._pieces.append(piece)
        return piece

    def _rest_of_all(self) -> Asking[str]:
        if len(self.ids) < self._next_whole:
            return ""
        self._next_whole = len(self.ids) + 1 + len(self.ids) // 8
        return _sure((yield from self.whole()), self._of_words)[self.length :]

    def _give(self, text: str) -> str:
        """The sure part of the window's text that is not given yet."""
        sure, given = _sure(text, self._of_words), self._window_given
        if not text.startswith(given):
            self.decodes_all, self._next_whole = True, 0
        elif len(sure) > len(given):
            self._window_given = sure
            return sure[len(given) :]
        return ""

    def _add_characters(self, token: int, likely: Sequence[int]) -> Asking[str]:
        yield from self._known.learn(token, likely)
        name = self._known.names[token]
        if not self._window and _PARTIAL not in name.text:
            return name.text
        self._window.append(token)
        (text,) = yield from self._known.ask([self._window])
        piece = self._give(text)
        if not text.endswith(_PARTIAL):
            self._window, self._window_given = [], ""
        elif len(self._window) % _MOST_BYTES == 0:
            yield from self._cut_bytes(text)
        return piece

    def _cut_bytes(self, text: str) -> Asking[None]:
        """Leave out the first half of many bytes that make no characters, if no beginning of one
        ends it: that would count twice."""
        half = len(self._window) // 2
        first, second = yield from self._known.ask([self._window[:half], self._window[half:]])
        if first + second == text:
            self._window = self._window[half:]
            self._window_given = self._window_given[len(first) :]

    def _add_word(self, token: int, likely: Sequence[int]) -> Asking[str]:
        self._window.append(token)
        self._texts.append(None)
        in_quotes = _open_quote(self._window_given) is not None
        text = None
        if token not in self._known.names:
            also = [] if in_quotes else [self._window]
            (*text,) = yield from self._known.learn(token, likely, also)
            text = text[0] if text else None
        name = self._known.names[token]
        if in_quotes and name is not None and '"' not in name.text:
            return ""
        text = yield from self._window_text(text, likely)
        self._texts[-1] = text
        piece = self._give(text)
        self._cut(text)
        if len(self._window) >= _MOST_WORDS and len(self._window) % _LAST_WORDS == 0:
            yield from self._cut_words(text)
        return piece

    def _window_text(self, text: str | None, likely: Sequence[int]) -> Asking[str]:
        """The text of the window, which may be there already."""
        names = [self._known.names[token] for token in self._window]
        key = tuple(
            None if name is not None and name.is_word else token
            for token, name in zip(self._window, names, strict=True)
        )
        if key not in self._known.spacings:
            if text is None:
                (text,) = yield from self._known.learn(self._window[-1], likely, [self._window])
            spaces = _spaces(text, names)
            if spaces is None:
                return text
            self._known.keep_spacing(key, spaces)
        return "".join(
            " " * space + name.text
            for space, name in zip(self._known.spacings[key], names, strict=True)
            if name is not None
        )

    def _cut(self, text: str) -> None:
        """Leave out of the window what no later token can reach."""
        for number in range(len(self._window) - 2, 0, -1):
            head = self._texts[number - 1]
            if head is None or not text.startswith(head) or _open_quote(head) is not None:
                continue
            place = len(head) + text.startswith(" ", len(head))
            if len(self._window_given) > place and _may_be_cut(text, len(head), place):
                self._leave_out(number, text[:place])
                return

    def _cut_words(self, text: str) -> Asking[None]:
        """The same where no place is sure, if the last words alone are as they are here."""
        if _open_quote(text) is not None:
            return
        (last,) = yield from self._known.ask([self._window[-_LAST_WORDS:]])
        start = text[: len(text) - len(last)]
        if text.endswith(last) and len(start) < len(self._window_given) and '"' not in last:
            self._leave_out(len(self._window) - _LAST_WORDS, start)

    def _leave_out(self, number: int, start: str) -> None:
        """Leave out the first tokens of the window, whose text this is."""
        self._window = self._window[number:]
        self._window_given = self._window_given[len(start) :]
        self._texts = [
            known[len(start) :] if known is not None and known.startswith(start) else None
            for known in self._texts[number:]
        ]


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


def _spaces(text: str, names: Sequence[Name | None]) -> tuple[bool, ...] | None:
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
