"""Where in a text its tokens stand."""

import re
from collections.abc import Sequence

# So many characters of a text may belong to no token, one after the other.
_FARTHEST = 64


def token_places(text: str, pieces: Sequence[str]) -> list[int]:
    """Where in a text each of its tokens begins, in order.

    Between words there are spaces that are no part of them. A token that the text does not show, an
    `<unk>` or some bytes of a character, begins where the one before it has ended.

    >>> token_places("to be, or", ["to", "be", ",", "or"]), token_places("an é", ["an", "<unk>"])
    ([0, 3, 5, 7], [0, 3])
    """
    places: list[int] = []
    end = missing = 0
    for piece in pieces:
        found = _find(text, piece, end, missing > 0)
        if found is None:
            missing += 1
            continue
        places += _shared(text[end:found], end, missing)
        places.append(found)
        end, missing = found + len(piece), 0
    return places + _shared(text[end:], end, missing)


def _find(text: str, piece: str, start: int, after_missing: bool) -> int | None:
    last = start + _FARTHEST + len(piece)
    if not piece:
        return None
    if after_missing and piece[0].isalnum():
        # Rather a word than a part of the one that is missing.
        word = re.compile(rf"(?<!\w){re.escape(piece)}(?!\w)").search(text, start, last)
        if word is not None:
            return word.start()
    found = text.find(piece, start, last)
    if found < 0:
        # A tokenizer may change the case of letters.
        found = text[start:last].lower().find(piece)
        found += start if found >= 0 else 0
    return None if found < 0 else found


def _shared(gap: str, start: int, count: int) -> list[int]:
    """Where tokens begin that the text does not show: a character each, or a word, or all at the
    first sign."""
    if not count:
        return []
    words = [match.start() for match in re.finditer(r"\S+", gap)]
    if len(gap) == count:
        return [start + place for place in range(count)]
    if len(words) == count:
        return [start + place for place in words]
    return [start + (words[0] if words else 0)] * count
