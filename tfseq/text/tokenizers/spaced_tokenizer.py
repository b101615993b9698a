"""What tokenizers have in common to which white space is what stands between tokens."""

from typing import Any

import tensorflow as tf

from tfseq.text.tokenizers.tokenizer import Tokenizer

#: The token of a line end, as published word models call it.
LINE_END = "<eos>"
#: A pattern of line ends with what replaces it, and of the spaces that joining puts round them.
LINE_ENDS_READ = (r"\r\n|\r|\n", f" {LINE_END} ")
LINE_ENDS_WRITTEN = (" ?\n ?", "\n")


class SpacedTokenizer(Tokenizer):
    r"""A tokenizer that splits text at white space, and on request reads line ends.

    Args:
        normalization: what is done to the text first; see `tfseq.text.normalize`.
        case_fold: whether case is folded.
        line_ends: whether every line end (`\n`, `\r\n` or `\r`) becomes the token `<eos>`, for
            which `detokenize` writes a line break. A corpus whose last line has no line break is
            then given one, so that it has as many `<eos>` as lines.

    Raises:
        ValueError: if `normalization` is unknown.
    """

    def __init__(
        self, normalization: str = "none", case_fold: bool = False, line_ends: bool = False
    ):
        super().__init__(normalization, case_fold)
        self.line_ends = bool(line_ends)

    def get_config(self) -> dict[str, Any]:
        # Left out where it is not asked for: a digest of the settings stays what it was.
        return {**super().get_config(), **({"line_ends": True} if self.line_ends else {})}

    @property
    def document_edge(self) -> str:
        return "" if self.line_ends else super().document_edge

    def __repr__(self) -> str:
        text = super().__repr__()
        return text.removesuffix(")") + ", line_ends=True)" if self.line_ends else text

    def _split(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        """What stands between the white space of ASCII, and the line ends that are asked for."""
        if self.line_ends:
            strings = tf.strings.regex_replace(strings, *LINE_ENDS_READ)
        return tf.strings.split(strings)

    def _joined(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """The tokens of each row with a space between them, a line break for each line end."""
        if self.line_ends:
            if not isinstance(tokens, tf.RaggedTensor):
                tokens = tf.convert_to_tensor(tokens, tf.string)
            tokens = tf.ragged.map_flat_values(
                lambda flat: tf.where(flat == LINE_END, "\n", flat), tokens
            )
        return tf.strings.reduce_join(tokens, axis=-1, separator=" ")

    def _without_outer_spaces(self, texts: tf.Tensor) -> tf.Tensor:
        """The texts without the spaces that `_joined` has put round line breaks."""
        return tf.strings.regex_replace(texts, *LINE_ENDS_WRITTEN) if self.line_ends else texts
