"""What is done to text before it is split into tokens, in graph."""

from collections.abc import Iterable

import tensorflow as tf
import tensorflow_text as tf_text

from tfseq.text.characters import CHANGED_EMOJI, NO_CHANGED_EMOJI, emoji_pattern

NORMALIZATIONS = ("none", "nfkc", "letters")

#: What `letters` does before it lower-cases: patterns in RE2's notation, and what replaces them.
LETTERS = (
    (r"[^A-Za-z\n\r]*[\n\r][^A-Za-z]*", "\n"),
    # The runs that remain have no line break. Most are one space and are best left alone.
    (r"(?: [^A-Za-z\n]|[^A-Za-z\n ])[^A-Za-z\n]*", " "),
)


def normalize(
    strings: tf.Tensor, normalization: str = "none", case_fold: bool = False
) -> tf.Tensor:
    r"""Normalize UTF-8 strings. Invalid bytes first become U+FFFD, whatever is asked for.

    - `none` leaves the text as it is.
    - `nfkc` is Unicode's normal form KC: compatibility characters become plain ones (`ﬁ` → `fi`,
      `Ａ` → `A`), and a letter and its accents become one character where there is one.
    - `letters` is the textbook's: every longest run of other than A-Z and a-z becomes one line
      break if it holds one (`\n` or `\r`), otherwise one space; then letters are lower-cased.

    Case folding is Unicode's NFKC_Casefold. It implies `nfkc`, drops invisible characters such
    as the soft hyphen, and, unlike lower-casing, depends on no neighbour and on no locale. Emoji
    that hold such characters are left whole: families, the flag of England, a heart or `™` whose
    picture is asked for, a digit in a key. `letters` folds case anyway.

    Args:
        strings: string tensor of any shape; so is what is returned.

    Raises:
        ValueError: `normalization` is unknown.

    >>> import tensorflow as tf
    >>> print(normalize(tf.constant("The Time\n\n Traveller, 1895"), "letters").numpy())
    b'the time\ntraveller '
    >>> print(normalize(tf.constant("Ｔhe ﬁrst Straße"), "none", case_fold=True).numpy().decode())
    the first strasse
    """
    check_normalization(normalization)
    strings = replace_invalid(strings)
    if normalization == "letters":
        return tf.strings.lower(replace_all(strings, LETTERS))
    if normalization == "nfkc":
        strings = tf_text.normalize_utf8(strings, "NFKC")
    return _fold_case(strings) if case_fold else strings


def replace_all(strings: tf.Tensor, replacements: Iterable[tuple[str, str]]) -> tf.Tensor:
    """Strings with one pattern after the other replaced."""
    for pattern, new in replacements:
        strings = tf.strings.regex_replace(strings, pattern, new)
    return strings


def check_normalization(normalization: str) -> None:
    """Raise ValueError if there is no normalization of that name."""
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"`normalization` must be one of {', '.join(NORMALIZATIONS)}. "
            f"Received: {normalization!r}."
        )


def _fold_case(strings: tf.Tensor) -> tf.Tensor:
    return tf.cond(
        tf.reduce_all(tf.strings.regex_full_match(strings, NO_CHANGED_EMOJI)),
        lambda: tf_text.case_fold_utf8(strings),
        lambda: _fold_around_emoji(strings),
    )


def _fold_around_emoji(strings: tf.Tensor) -> tf.Tensor:
    # A byte that no UTF-8 text has parts emoji from what is between them.
    marked = tf.strings.regex_replace(
        tf.reshape(strings, [-1]), emoji_pattern(r"\pM\x{200d}"), b"\xff\\0\xff"
    )
    parts = tf.strings.split(marked, b"\xff")
    whole = tf.strings.regex_full_match(parts.values, CHANGED_EMOJI)
    folded = tf.where(whole, parts.values, tf_text.case_fold_utf8(parts.values))
    joined = tf.strings.reduce_join(parts.with_values(folded), axis=-1)
    return tf.ensure_shape(tf.reshape(joined, tf.shape(strings)), strings.shape)


def replace_invalid(strings: tf.Tensor) -> tf.Tensor:
    # To check is ten times as fast as to transcode, and text is nearly always valid.
    valid = tf.strings.regex_full_match(strings, r"[\x00-\x{d7ff}\x{e000}-\x{10ffff}]*")
    return tf.cond(
        tf.reduce_all(valid),
        lambda: strings,
        lambda: tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace"),
    )
