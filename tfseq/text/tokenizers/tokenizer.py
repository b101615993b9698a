"""What all tokenizers have in common."""

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import tensorflow as tf

from tfseq.text.normalization import check_normalization, normalize

# The `chunk_boundary` of normalization `letters`: the end of a run of letters. What follows it
# is normalized on its own.
AFTER_LETTERS = re.compile(r"(?<=[A-Za-z])(?![A-Za-z])")


class Tokenizer(ABC):
    """Splits text into tokens and joins tokens to text, in graph.

    A subclass gives `kind`, `tokenize`, `detokenize`, `join` and `chunk_boundary`.

    Args:
        normalization: what is done to the text first; see `tfseq.text.normalize`.
        case_fold: whether case is folded.

    Raises:
        ValueError: if `normalization` is unknown.
    """

    kind: ClassVar[str]

    def __init__(self, normalization: str = "none", case_fold: bool = False):
        check_normalization(normalization)
        self.normalization = normalization
        self.case_fold = bool(case_fold)

    def get_config(self) -> dict[str, Any]:
        """Return what `make_tokenizer` needs to build this tokenizer again."""
        return {
            "kind": self.kind,
            "normalization": self.normalization,
            "case_fold": self.case_fold,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build a tokenizer from what `get_config` returned."""
        return cls(**{name: value for name, value in config.items() if name != "kind"})

    @property
    def document_edge(self) -> str:
        """What frames the text of a corpus, so that its outer lines are stripped too."""
        return "\n" if self.normalization == "letters" else ""

    @property
    @abstractmethod
    def chunk_boundary(self) -> re.Pattern[str]:
        """Matches, with no width, where text may be cut and the tokens stay the same.

        The match depends on one character before and one after the place.
        """

    @abstractmethod
    def tokenize(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        """Return the tokens of each string.

        Args:
            strings: string tensor of any shape, or what converts to one. Invalid UTF-8 becomes
                U+FFFD.

        Returns:
            A RaggedTensor with one more dimension; for a scalar, a 1-D tensor.
        """

    def tokenize_distinct(self, string: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the distinct tokens of one string and each token's place among them.

        That is `tf.unique(tokenize(string))`, faster where there is a faster way.

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
        """Return the text of each row of tokens: the last dimension is joined."""

    @abstractmethod
    def join(self, prompt: tf.Tensor, completion: tf.Tensor) -> tf.Tensor:
        """Return each prompt followed by its completion, both already text."""

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(normalization={self.normalization!r}, "
            f"case_fold={self.case_fold})"
        )

    def _normalize(self, strings: tf.Tensor) -> tf.Tensor:
        return normalize(tf.convert_to_tensor(strings), self.normalization, self.case_fold)
