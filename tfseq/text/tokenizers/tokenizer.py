"""What all tokenizers have in common, and what one of a person's own has to give."""

import re
from abc import ABC, abstractmethod
from typing import Any

import tensorflow as tf

from tfseq.text.normalization import check_normalization, normalize
from tfseq.text.tokenizers.table import TOKENIZERS

# The `chunk_boundary` of normalization `letters`: the end of a run of letters. What follows it
# is normalized on its own.
AFTER_LETTERS = re.compile(r"(?<=[A-Za-z])(?![A-Za-z])")


class Tokenizer(ABC):
    """Splits text into tokens and joins tokens to text.

    One of your own is any class with these two methods:

    - `tokenize(strings)`: string tensor `[N]` to the tokens of each string, a `tf.RaggedTensor`
      `[N, (T)]`, or N lists of strings. Tokens are UTF-8 and not empty.
    - `detokenize(tokens)`: such a `tf.RaggedTensor` to N texts.

    Made of TensorFlow's operations, it can be exported; in plain Python it trains and generates,
    and cannot be exported. It may have the method `join` and the attributes `joiner`,
    `document_edge`, `chunk_boundary` and `line_ends`, whose defaults are those below, and take
    `normalization`, `case_fold` and `line_ends`: then these options are passed on to it. An option
    names it as `module:Name`, a class or a function that makes the tokenizer.

    The ids of a corpus are kept in a cache only if it has a `fingerprint`, a text or a method that
    returns one. It must change whenever the tokens do that it makes, `"2"` after `"1"` say. What
    `get_config` returns, where it has such a method, counts too. Without a `fingerprint` every run
    encodes its corpus anew.

    Or it is a subclass of this class or of one of tfseq's tokenizers. Made of TensorFlow's
    operations, it is used as it is: its methods take tensors of any shape, as those below do.

    Args:
        normalization: what is done to the text first; see `tfseq.text.normalize`.
        case_fold: whether case is folded.

    Attributes:
        joiner: what stands between a prompt and its completion, if neither is empty.
        chunk_boundary: a pattern that matches, with no width, where a long text may be cut and
            the tokens stay the same. The match depends on one character before and one after the
            place. By default that is after a line break.
        line_ends: whether every line end is a token. Then the last line of a corpus is given a
            line break where it has none.

    Raises:
        ValueError: if `normalization` is unknown.

    >>> class Sentences:
    ...     joiner = " "
    ...     def tokenize(self, strings):
    ...         return [s.decode().split(". ") for s in strings.numpy()]
    ...     def detokenize(self, tokens):
    ...         return tf.strings.reduce_join(tokens, axis=-1, separator=". ")
    >>> from tfseq.text import count_tokens
    >>> sorted(count_tokens(["It is late. It rains. It is late"], Sentences()).items())
    [('It is late', 2), ('It rains', 1)]
    """

    joiner = ""
    chunk_boundary = re.compile(r"(?<=\n)")
    normalization = "none"
    case_fold = False
    line_ends = False
    #: What an option has named to make it, where that is not its class.
    made_by: str | None = None

    def __init__(self, normalization: str = "none", case_fold: bool = False):
        check_normalization(normalization)
        self.normalization = normalization
        self.case_fold = bool(case_fold)

    @property
    def kind(self) -> str:
        """The name by which an option finds it."""
        return self.made_by or TOKENIZERS.name(type(self))

    def get_config(self) -> dict[str, Any]:
        """What `make_tokenizer` needs to build this tokenizer again."""
        return {
            "kind": self.kind,
            "normalization": self.normalization,
            "case_fold": self.case_fold,
        }

    @property
    def document_edge(self) -> str:
        """What frames the text of a corpus, so that its outer lines are stripped too."""
        return "\n" if self.normalization == "letters" else ""

    @abstractmethod
    def tokenize(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        """The tokens of each string.

        Args:
            strings: string tensor of any shape, or what converts to one. Invalid UTF-8 becomes
                U+FFFD.

        Returns:
            A RaggedTensor with one more dimension; for a scalar, a 1-D tensor.
        """

    def tokenize_distinct(self, string: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`tf.unique(tokenize(string))`, faster where there is a faster way.

        Args:
            string: scalar string tensor.

        Returns:
            The distinct tokens, string [D], in the order of their first appearance, and for each
            token of the string its index among them, int32 [N].
        """
        distinct, index = tf.unique(self.tokenize(string))
        return distinct, index

    @abstractmethod
    def detokenize(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """The text of each row of tokens: the last dimension is joined."""

    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        """Each prompt followed by its completion, both already text."""
        between = tf.where((prompt == "") | (completion == ""), "", self.joiner)
        return tf.strings.join([prompt, between, completion])

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(normalization={self.normalization!r}, "
            f"case_fold={self.case_fold})"
        )

    def _normalize(self, strings: tf.Tensor) -> tf.Tensor:
        return normalize(tf.convert_to_tensor(strings), self.normalization, self.case_fold)
