"""What a program without TensorFlow needs to split text into tokens and to join them: one file."""

import functools
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import tensorflow as tf

from tfseq.text import Vocabulary
from tfseq.text.characters import emoji_pattern
from tfseq.text.normalization import LETTERS
from tfseq.text.tokenizers.char_tokenizer import CharTokenizer
from tfseq.text.tokenizers.spaced_tokenizer import LINE_END, LINE_ENDS_READ, LINE_ENDS_WRITTEN
from tfseq.text.tokenizers.subword_tokenizer import SubwordTokenizer
from tfseq.text.tokenizers.whitespace_tokenizer import OTHER_SPACE, WhitespaceTokenizer
from tfseq.text.tokenizers.word_spacing import AS_IN_PRINT
from tfseq.text.tokenizers.word_tokenizer import SPACED_TOKENS, WordTokenizer

#: The file of a SentencePiece model, where the model reads subwords.
SUBWORDS = "subwords.model"

_MARKS = r"\pM\x{200d}"
# Unicode's Default_Ignorable_Code_Point, which NFKC_Casefold drops; emoji are kept whole.
_IGNORED = (
    f"({emoji_pattern(_MARKS)})|"
    r"[\x{ad}\x{34f}\x{61c}\x{115f}-\x{1160}\x{17b4}-\x{17b5}\x{180b}-\x{180f}\x{200b}-\x{200f}"
    r"\x{202a}-\x{202e}\x{2060}-\x{206f}\x{3164}\x{fe00}-\x{fe0f}\x{feff}\x{ffa0}"
    r"\x{fff0}-\x{fff8}\x{1bca0}-\x{1bca3}\x{1d173}-\x{1d17a}\x{e0000}-\x{e0fff}]"
)
_NO_SPACE = r"[^\t-\r ]+"
_ANY = r"[\s\S]"


def describe_text(tokenizer: Any, vocabulary: Vocabulary) -> dict[str, Any]:
    r"""The content of `tokenizer.json`, in values that JSON can hold.

    Patterns are written so that Python's `re` with `re.ASCII` and JavaScript's `RegExp` with the
    flags `g` and `u` read them alike; `\1` in a replacement is JavaScript's `$1`.

    Returns:
        `kind`: `char`, `word`, `whitespace` or `subword`; None for a tokenizer of one's own.
        `tokens`: the tokens in the order of their ids, `<unk>` first; `begin`, `end`: the ids of
        the special tokens of documents, or None.

        To read a text: `dropped`, pairs of a pattern and its replacement; `forms`, of `NFKC` and
        `casefold`, one after the other; `before`, pairs again; `lower`, whether letters are then
        lower-cased; `token`, the pattern of a token, or `subwords`, the file of a SentencePiece
        model that splits the text.

        To write one: `written`, what stands for a token; `joiner`; `after`, pairs again.
    """
    begin, end = vocabulary.document_ids or (None, None)
    kinds = (CharTokenizer, WordTokenizer, WhitespaceTokenizer, SubwordTokenizer)
    described = {
        "kind": tokenizer.kind if type(tokenizer) in kinds else None,
        "tokens": [str(token) for token in vocabulary.tokens],
        "begin": begin,
        "end": end,
    }
    if described["kind"] is None:
        return described
    letters = tokenizer.normalization == "letters"
    folded = tokenizer.case_fold and not letters
    line_ends = bool(tokenizer.line_ends)
    before, after = [*LETTERS] if letters else [], []
    match tokenizer:
        case CharTokenizer():
            before += [("\n", "")] if letters else []
        case WordTokenizer():
            before += SPACED_TOKENS
            after += AS_IN_PRINT
        case WhitespaceTokenizer():
            before.append((OTHER_SPACE, " "))
    if line_ends:
        before.append(LINE_ENDS_READ)
        after.append(LINE_ENDS_WRITTEN)
    spaced = isinstance(tokenizer, WordTokenizer | WhitespaceTokenizer)
    subwords = isinstance(tokenizer, SubwordTokenizer)
    return described | {
        "dropped": [_portable((_IGNORED, r"\1"))] if folded else [],
        "forms": _forms(tokenizer.normalization, folded),
        "before": [*map(_portable, before)],
        "lower": letters,
        "token": None if subwords else _NO_SPACE if spaced else _ANY,
        "subwords": SUBWORDS if subwords else None,
        "written": {LINE_END: "\n"} if line_ends else {},
        "joiner": " " if spaced else "",
        "after": [*map(_portable, after)],
    }


def _forms(normalization: str, folded: bool) -> list[str]:
    if folded:
        return ["NFKC", "casefold", "NFKC"]
    return ["NFKC"] if normalization == "nfkc" else []


def _portable(replacement: tuple[str, str]) -> list[str]:
    r"""A pattern in RE2's notation and its replacement, as other engines read them.

    >>> _portable((r"\d[\x{300}-\x{302}x]|\x{41}", r" \0 "))
    ['(\\d[̀-̂x]|A)', ' \\1 ']
    """
    pattern, new = replacement
    if r"\0" in new:
        pattern, new = f"({pattern})", new.replace(r"\0", r"\1")
    return ["".join(_translated(pattern)), new]


def _translated(pattern: str) -> Iterator[str]:
    inside = False
    for part in re.findall(r"\\x\{\w+\}|\\p\{\w+\}|\\p\w|\\.|[^\\]", pattern):
        if part == "[" and not inside:
            inside = True
        elif part == "]":
            inside = False
        if part.startswith(r"\x"):
            yield chr(int(part[3:-1], 16))
        elif part.startswith(r"\p"):
            yield _class_of(part) if inside else f"[{_class_of(part)}]"
        else:
            yield part


@functools.cache
def _class_of(name: str) -> str:
    r"""The characters of a class such as `\pL`, as TensorFlow's Unicode has it, in ranges."""
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
    kept = tf.strings.regex_replace(every, f"[^{name}]", "").numpy().decode()
    return "".join(_ranges(map(ord, kept)))


def _ranges(codes: Iterable[int]) -> Iterator[str]:
    codes = [*codes]
    breaks = [i for i, (a, b) in enumerate(pairwise(codes), start=1) if b != a + 1]
    for start, stop in pairwise([0, *breaks, len(codes)]):
        first, last = chr(codes[start]), chr(codes[stop - 1])
        yield first if first == last else f"{first}-{last}"
