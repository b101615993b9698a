"""Text as a row of words and signs."""

import re

import tensorflow as tf

from tfseq.text.characters import (
    APOSTROPHE,
    EAST_ASIAN,
    EXTENDER,
    SPACE,
    SPACE_BEYOND_ASCII,
    emoji_pattern,
)
from tfseq.text.normalization import replace_all
from tfseq.text.tokenizers.spaced_tokenizer import SpacedTokenizer
from tfseq.text.tokenizers.tokenizer import AFTER_LETTERS
from tfseq.text.tokenizers.word_spacing import join_as_in_print, space_as_in_print

_SIGN = rf"(?:[^\pL\pN{EXTENDER}{APOSTROPHE}{SPACE}]|[{EAST_ASIAN}])[{EXTENDER}]*"
_EMOJI_OR_SIGN = f"{emoji_pattern(EXTENDER)}|{_SIGN}"

# Runs of apostrophes first; twice, since `'''` holds two overlapping pairs.
_OUTER_APOSTROPHES = (
    *2 * ((rf"([{APOSTROPHE}])([{APOSTROPHE}])", r"\1 \2"),),
    (rf"(^|[\t-\r ])([{APOSTROPHE}])", r"\1\2 "),
    (rf"([{APOSTROPHE}])([\t-\r ]|$)", r" \1\2"),
)
#: Patterns in RE2's notation, and what replaces them: spaces are put round signs, and round an
#: apostrophe that is not inside a word, so that splitting at spaces gives the tokens.
SPACED_TOKENS = (
    (f"[{SPACE_BEYOND_ASCII}]", " "),
    (_EMOJI_OR_SIGN, r" \0 "),
    *_OUTER_APOSTROPHES,
)

# After ASCII white space, or before a character that always begins a token. No normalization
# reaches across either place.
_BETWEEN_WORDS = re.compile(r"(?<=[ \t\n\v\f\r])|(?=[ぁ-ゖァ-ヺ一-鿿])")
_BETWEEN_WORDS_OR_LINES = re.compile(r"(?<=[ \t\n\v\f])|(?<=\r)(?!\n)|(?=[ぁ-ゖァ-ヺ一-鿿])")


class WordTokenizer(SpacedTokenizer):
    r"""Splits text into words and signs.

    - A word is a longest run of letters, marks and digits of any script. Single apostrophes
      (`'` or `’`) inside it belong to it: `don't` is one word, `'tis` and `dogs'` are two tokens.
    - Each Chinese character and each kana is a token of its own.
    - So is every punctuation mark, symbol or other sign: `well-known` is three tokens.
    - Marks (accents, variation selectors), zero-width joiners and the soft hyphen go with the
      character before them.
    - An emoji of several characters is one token: with a skin tone, joined to others as a family
      is, a flag, a digit in a key.
    - White space separates tokens and is none.

    `detokenize` puts a space between tokens where print has one: not before `,` or `)`, not
    after `(`, not between Chinese characters, and straight double quotes are taken in pairs.
    Numbers, times, abbreviations and compounds come back whole: `3.14`, `1,000`, `10:30`, `u.s.`,
    `well-known`, `a/b`. Tokens do not tell `well-known` from `well - known`; the first is likelier.
    Line breaks are lost, but the text has the same tokens again. With `line_ends`, every line end
    is the token `<eos>` and becomes a line break again: such a model writes lines and verse. An
    `<eos>` that is written in the text is three tokens, `<`, `eos` and `>`.

    >>> tokenizer = WordTokenizer(case_fold=True)
    >>> tokens = tokenizer.tokenize("Don't panic (much), 先生!")
    >>> [token.decode() for token in tokens.numpy()]
    ["don't", 'panic', '(', 'much', ')', ',', '先', '生', '!']
    >>> tokenizer.detokenize(tokens).numpy().decode()
    "don't panic (much), 先生!"
    >>> WordTokenizer(line_ends=True).tokenize("Yes,\nno.\n").numpy().tolist()
    [b'Yes', b',', b'<eos>', b'no', b'.', b'<eos>']
    """

    @property
    def chunk_boundary(self) -> re.Pattern[str]:
        if self.normalization == "letters":
            return AFTER_LETTERS
        return _BETWEEN_WORDS_OR_LINES if self.line_ends else _BETWEEN_WORDS

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        return self._split(replace_all(self._normalize(strings), SPACED_TOKENS))

    def detokenize(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        return self._without_outer_spaces(space_as_in_print(self._joined(tokens)))

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        return join_as_in_print(prompt, completion)
