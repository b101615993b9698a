"""Text that is tokenized already, as a row of what stands between white space."""

import re

import tensorflow as tf

from tfseq.text.characters import SPACE, SPACE_BEYOND_ASCII
from tfseq.text.tokenizers.spaced_tokenizer import SpacedTokenizer
from tfseq.text.tokenizers.tokenizer import AFTER_LETTERS

#: U+001C to U+001F separate fields and records; Python's `str.split` takes them for spaces too.
OTHER_SPACE = rf"[\x{{1c}}-\x{{1f}}{SPACE_BEYOND_ASCII}]"
_AFTER_SPACE = re.compile(r"(?<=[ \t\n\v\f\r])")
_AFTER_SPACE_OR_LINE = re.compile(r"(?<=[ \t\n\v\f])|(?<=\r)(?!\n)")


class WhitespaceTokenizer(SpacedTokenizer):
    r"""Splits text at white space and nowhere else, as Python's `str.split` does.

    It is for text that is tokenized already, such as Penn Treebank and WikiText: `N't`, `5.2`,
    `@-@` and `<unk>` are one token each. A `<unk>` in the text is the `<unk>` of the vocabulary,
    id 0: it is counted, predicted and measured as every unknown word is.

    `detokenize` joins tokens by one space, and the text has the same tokens again. With
    `line_ends`, every line end is the token `<eos>`; an `<eos>` that is written in the text is the
    same token, and `detokenize` writes a line break for both.

    >>> tokenizer = WhitespaceTokenizer(line_ends=True)
    >>> tokens = tokenizer.tokenize(" mr. <unk> is n't 5.2 \n no \n")
    >>> print(*(token.decode() for token in tokens.numpy()))
    mr. <unk> is n't 5.2 <eos> no <eos>
    >>> tokenizer.detokenize(tokens).numpy()
    b"mr. <unk> is n't 5.2\nno\n"
    """

    @property
    def chunk_boundary(self) -> re.Pattern[str]:
        if self.normalization == "letters":
            return AFTER_LETTERS
        return _AFTER_SPACE_OR_LINE if self.line_ends else _AFTER_SPACE

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        return self._split(tf.strings.regex_replace(self._normalize(strings), OTHER_SPACE, " "))

    def detokenize(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        return self._without_outer_spaces(self._joined(tokens))

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        together = (
            (prompt == "")
            | (completion == "")
            | tf.strings.regex_full_match(prompt, rf"(?s).*[{SPACE}]")
            | tf.strings.regex_full_match(completion, rf"(?s)[{SPACE}].*")
        )
        return tf.strings.join([prompt, tf.where(together, "", " "), completion])
