"""Text as a row of Unicode code points."""

import re

import tensorflow as tf

from tfseq.text.normalization import check_normalization, normalize

# NFKC and case folding work across neighbouring characters, but never across the place before
# one of these: they join nothing that precedes them.
_BEFORE_INERT_CHARACTER = re.compile(r"(?=[\x00-\x7fぁ-ゖァ-ヺ一-鿿가-힣])")
_AFTER_LETTERS = re.compile(r"(?<=[A-Za-z])(?![A-Za-z])")
_ANYWHERE = re.compile("")


class CharTokenizer:
    """Splits text into characters: Unicode code points, never bytes.

    With `normalization="none"` and without case folding, `detokenize(tokenize(text))` is `text`
    for every valid UTF-8 string. With `letters`, line breaks separate nothing and are dropped,
    so that the last character of a line is followed by the first of the next.

    Args:
        normalization: `none`, `nfkc` or `letters`; see `tfseq.text.normalize`.
        case_fold: whether case is folded.

    Raises:
        ValueError: if `normalization` is unknown.

    >>> tokenizer = CharTokenizer()
    >>> [token.decode() for token in tokenizer.tokenize("直升机!").numpy()]
    ['直', '升', '机', '!']
    """

    def __init__(self, normalization: str = "none", case_fold: bool = False):
        check_normalization(normalization)
        self.normalization = normalization
        self.case_fold = bool(case_fold)

    def get_config(self) -> dict:
        """Returns what `make_tokenizer` needs to build this tokenizer again."""
        return {
            "kind": "char",
            "normalization": self.normalization,
            "case_fold": self.case_fold,
        }

    @classmethod
    def from_config(cls, config: dict) -> "CharTokenizer":
        """Builds a tokenizer from what `get_config` returned."""
        return cls(normalization=config["normalization"], case_fold=config["case_fold"])

    @property
    def document_edge(self) -> str:
        """What frames a document of a corpus, so that its outer lines are stripped too."""
        return "\n" if self.normalization == "letters" else ""

    @property
    def chunk_boundary(self) -> re.Pattern[str]:
        """Matches, with no width, where text may be cut and its tokens stay the same."""
        if self.normalization == "letters":
            return _AFTER_LETTERS
        if self.normalization == "nfkc" or self.case_fold:
            return _BEFORE_INERT_CHARACTER
        return _ANYWHERE

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        """Returns the characters of each string.

        Args:
            strings: string tensor of any shape (or what converts to one).

        Returns:
            A RaggedTensor with one more dimension; for a scalar, a 1-D tensor.
        """
        strings = normalize(tf.convert_to_tensor(strings), self.normalization, self.case_fold)
        if self.normalization == "letters":
            strings = tf.strings.regex_replace(strings, "\n", "")
        code_points = tf.strings.unicode_decode(strings, "UTF-8")
        return tf.ragged.map_flat_values(_as_characters, code_points)

    def detokenize(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """Joins the characters of the last dimension."""
        return tf.strings.reduce_join(tokens, axis=-1)

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        """Returns the prompts with their completions, elementwise."""
        return tf.strings.join([prompt, completion])


def _as_characters(code_points: tf.Tensor) -> tf.Tensor:
    # Text has few different characters: encoding each once and gathering is three times as fast
    # as `tf.strings.unicode_split`, which encodes every one.
    different, index = tf.unique(code_points)
    return tf.gather(tf.strings.unicode_encode(different[:, tf.newaxis], "UTF-8"), index)
