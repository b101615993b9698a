"""Where print has a space between words and signs, and where it has none."""

import tensorflow as tf

from tfseq.text.characters import CLOSING, EXTENDER, OPENING, SPACE, UNSPACED
from tfseq.text.normalization import replace_all

_WORD = r"\pL\pN\pM"
# What has no spaces in it, written with a space round each sign. Tokens do not say whether there
# was one: the likelier reading counts, so that `3, 400` of a list comes back as `3,400`.
_TOGETHER = (
    r"(\d) (\.) (\d)",  # 3.14
    r"\b(\d{1,3}) (,) (\d{3})\b",  # 1,000
    r"\b(\d{1,2}) (:) (\d{2})\b",  # 10:30
    r"((?:^|[ .])\p{Ll}) (\.) (\p{Ll} ?\.)",  # e.g.
    r"((?:^|[ .])\p{Lu}) (\.) (\p{Lu} ?\.)",  # U.S.
    rf"([{_WORD}]) ([-/]) ([\pL\pN])",  # well-known, a/b
    "(-) ()(-)",
    r"([$€£¥]) ()(\d)",
)
# Twice, since a match consumes what begins the next one.
_WITHOUT_INNER_SPACES = 2 * tuple((pattern, r"\1\2\3") for pattern in _TOGETHER)
#: Patterns in RE2's notation, and what replaces them, for a text of tokens with spaces between.
AS_IN_PRINT = (
    *_WITHOUT_INNER_SPACES,
    (rf'" ([^"{EXTENDER}][^"]*) "', r'"\1"'),
    (rf" ([{CLOSING}])", r"\1"),
    *2
    * (
        (rf"([{OPENING}]) ([^{EXTENDER}])", r"\1\2"),
        (rf"([{UNSPACED}]) ([{UNSPACED}])", r"\1\2"),
    ),
)


def space_as_in_print(text: tf.Tensor) -> tf.Tensor:
    """Texts of tokens with a space between any two, spaced as print has it.

    >>> text = "in the u . s . ( well - known ) it ' costs ' $ 1 , 000 . 50"
    >>> print(space_as_in_print(tf.constant(text)).numpy().decode())
    in the u.s. (well-known) it ' costs ' $1,000.50
    """
    return replace_all(text, AS_IN_PRINT)


def join_as_in_print(prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
    """Each prompt, as it is, and its completion, with a space between them where print has one."""
    # What has no inner spaces may begin in the prompt: `5` and `. 2`.
    tail = tf.strings.regex_replace(prompt, rf"(?s).*[{SPACE}]", "")
    whole = replace_all(tf.strings.join([tail, completion], " "), _WITHOUT_INNER_SPACES)
    rest = tf.strings.substr(whole, tf.strings.length(tail), tf.strings.length(whole))
    spaced = tf.strings.regex_full_match(rest, "(?s) .*")
    completion = tf.where(spaced, tf.strings.regex_replace(rest, "^ ", ""), rest)
    together = (
        (prompt == "")
        | (completion == "")
        | ~spaced
        | tf.strings.regex_full_match(prompt, rf"(?s).*[{OPENING}{SPACE}]")
        | tf.strings.regex_full_match(completion, rf"(?s)[{CLOSING}{SPACE}].*")
        | _match(prompt, rf"[{UNSPACED}]", completion, rf"[{UNSPACED}]")
        | _match(prompt, rf"[{_WORD}][-/]", completion, r"[\pL\pN]")
    )
    return tf.strings.join([prompt, tf.where(together, "", " "), completion])


def _match(first: tf.Tensor, end: str, second: tf.Tensor, start: str) -> tf.Tensor:
    """Where one text ends and the other starts with what patterns match."""
    return tf.strings.regex_full_match(first, f"(?s).*{end}") & tf.strings.regex_full_match(
        second, f"(?s){start}.*"
    )
