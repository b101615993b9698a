"""Text as a row of subwords: frequent words whole, rare ones in parts."""

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_text as tf_text

from tfseq.errors import InputError
from tfseq.text.normalization import replace_invalid
from tfseq.text.tokenizers.subword_learning import learn_subword_model
from tfseq.text.tokenizers.subword_model import SPACE_SIGN, read_subword_model
from tfseq.text.tokenizers.tokenizer import AFTER_LETTERS, Tokenizer
from tfseq.text.vocabulary import UNKNOWN, Vocabulary

_BASE64 = "base64:"
_ALL = 2**31 - 1
_BYTE_NAME = "<0x[0-9A-F]{2}>"
# Places that a long text is cut at, if no piece reaches over them.
_BOUNDARIES = (r"(?<=\n)", r"(?<![ \n\r])(?= )")


class SubwordTokenizer(Tokenizer):
    r"""Splits text into the pieces of a SentencePiece model.

    A token is the text that a piece stands for, its spaces included: ` the` and `the` are two
    tokens. A character without a piece is split into its bytes in UTF-8, whose tokens are written
    `<0xE2>`. With normalization `none` and without case folding, `detokenize(tokenize(text))` is
    `text` for every valid UTF-8 string: spaces, tabs and line ends are kept. Bytes that make no
    character give U+FFFD.

    A model that `learn` makes never joins a line end to anything: each is a token of its own.

    Args:
        model: a SentencePiece model: its bytes, the path of its file, or what `get_config` gives.
            It must be lossless: trained with byte fallback, without normalization, dummy prefix
            and removal of spaces.
        normalization: what is done to the text first; see `tfseq.text.normalize`.
        case_fold: whether case is folded.

    Attributes:
        tokens: the tokens that there are, in the order of the model.

    Raises:
        InputError: the file cannot be read, is no SentencePiece model, or one that is not lossless.

    Source: Kudo and Richardson, 2018, arXiv 1808.06226; Sennrich et al., 2016, arXiv 1508.07909.

    >>> tokenizer = SubwordTokenizer.learn(["the cat\n", "the hat\n"] * 9, vocabulary_size=275)
    >>> tokens = tokenizer.tokenize("the cat\n")
    >>> [token.decode() for token in tokens.numpy()]
    ['the', ' cat', '\n']
    >>> tokenizer.detokenize(tokenizer.tokenize(["a  ▁\t猫 ", ""])).numpy()[0].decode()
    'a  ▁\t猫 '
    """

    def __init__(
        self,
        model: bytes | str | os.PathLike,
        normalization: str = "none",
        case_fold: bool = False,
    ):
        super().__init__(normalization, case_fold)
        self._model = read_subword_model(*_content(model))
        self._split = tf.function(
            self._trace, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        vocabulary_size: int = 1000,
        normalization: str = "none",
        case_fold: bool = False,
    ) -> "SubwordTokenizer":
        """Learn the pieces of a text by byte pair encoding.

        Args:
            texts: pieces of one text, or of several that end in line ends.
            vocabulary_size: the number of tokens, `<unk>` and 256 bytes among them.
            normalization, case_fold: as above.

        Raises:
            InputError: the text does not allow so many pieces, or sentencepiece is not installed.
        """
        model = learn_subword_model(texts, vocabulary_size, normalization, case_fold)
        return cls(model, normalization, case_fold)

    @property
    def model(self) -> bytes:
        """The SentencePiece model, as its file holds it."""
        return self._model.content

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        return self._model.tokens

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "model": _BASE64 + base64.b64encode(self.model).decode()}

    def describe(self) -> dict[str, Any]:
        """The settings as a model card shows them: the model by its digest."""
        digest = hashlib.sha256(self.model).hexdigest()
        return {**super().get_config(), "pieces": len(self.tokens), "model_sha256": digest}

    @property
    def document_edge(self) -> str:
        return ""

    @cached_property
    def chunk_boundary(self) -> re.Pattern[str]:
        if self.normalization == "letters":
            return AFTER_LETTERS
        allowed = [place for place in _BOUNDARIES if not self._model.cuts(place)]
        return re.compile("|".join(allowed) or _BOUNDARIES[0])

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        return tf.ragged.map_flat_values(_tokens, self._pieces(strings))

    def tokenize_distinct(self, string: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        distinct, index = tf.unique(self._pieces(string))
        return _tokens(distinct), index

    def detokenize(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        if not isinstance(tokens, tf.RaggedTensor):
            tokens = tf.convert_to_tensor(tokens, tf.string)
        texts = tf.ragged.map_flat_values(_bytes, tokens)
        joined = tf.strings.reduce_join(texts, axis=-1)
        return tf.ragged.map_flat_values(replace_invalid, joined)

    def __repr__(self) -> str:
        text = super().__repr__().partition("(")[2]
        return f"{type(self).__name__}({len(self.tokens)} tokens, {text}"

    def _pieces(self, strings: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
        strings = self._normalize(strings)
        # SentencePiece writes a space as U+2581. The two are swapped, so that both come back.
        parts = tf.strings.split(tf.reshape(strings, [-1]), SPACE_SIGN)
        parts = parts.with_values(" " + tf.strings.regex_replace(parts.values, " ", SPACE_SIGN))
        swapped = tf.strings.substr(tf.strings.reduce_join(parts, axis=-1), 1, _ALL)
        values, row_splits = self._split(swapped)
        if strings.shape.rank == 0:
            return values
        rows = tf.RaggedTensor.from_row_splits(values, row_splits, validate=False)
        shape = tf.shape(strings, tf.int64)
        for axis in range(strings.shape.rank - 1, 0, -1):
            num_rows = tf.reduce_prod(shape[:axis])
            rows = tf.RaggedTensor.from_uniform_row_length(rows, shape[axis], num_rows)
        return rows

    def _trace(self, strings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # TF-Text's resource lasts as long as the operation that makes it, and no longer than until
        # `tf.random.set_seed` clears what is made eagerly. In a function it is made when needed.
        # All signatures of an export call this function, so that it holds the model once.
        split = tf_text.SentencepieceTokenizer(self._model.content, out_type=tf.string)
        rows = split.tokenize(strings)
        return rows.values, rows.row_splits


def build_vocabulary(
    tokenizer: Tokenizer, counts: Mapping[str, int], **building: Any
) -> Vocabulary:
    """The vocabulary of tokens that were counted, by `Vocabulary.build`; of subwords all there are.

    So no text has an unknown token. They too follow falling frequency, ties in code-point order.

    Args:
        tokenizer: what has split the text.
        counts: how often each token occurs.
        **building: arguments of `Vocabulary.build`.
    """
    if not isinstance(tokenizer, SubwordTokenizer):
        return Vocabulary.build(counts, **building)
    reserved = building.get("reserved_tokens", ())
    others = set(tokenizer.tokens).difference(reserved)
    ordered = sorted(others, key=lambda token: (-counts.get(token, 0), token))
    return Vocabulary(dict.fromkeys((UNKNOWN, *reserved, *ordered)))


def _content(model: bytes | str | os.PathLike) -> tuple[bytes, str]:
    """The bytes of a model, and how an error calls it."""
    if isinstance(model, bytes):
        return model, "`model`"
    if isinstance(model, str) and model.startswith(_BASE64):
        return base64.b64decode(model.removeprefix(_BASE64)), "`model`"
    path = Path(model).expanduser()
    try:
        return path.read_bytes(), f"The file {path}"
    except OSError as error:
        raise InputError(f"The model {path} cannot be read: {error.strerror}.") from None


def _tokens(pieces: tf.Tensor) -> tf.Tensor:
    """`token_of_piece`, in graph."""
    texts = tf.strings.regex_replace(pieces, SPACE_SIGN, " ")
    return tf.where(pieces == "<0x20>", SPACE_SIGN, texts)


def _bytes(tokens: tf.Tensor) -> tf.Tensor:
    """The bytes that tokens stand for."""
    is_byte = tf.strings.regex_full_match(tokens, _BYTE_NAME)
    digits = tf.strings.substr(tf.where(is_byte, tokens, "<0x00>"), 3, 2)
    codes = tf.cast(tf.io.decode_raw(digits, tf.uint8, fixed_length=2), tf.int32)
    values = tf.where(codes > ord("9"), codes - ord("A") + 10, codes - ord("0"))
    all_bytes = tf.constant([bytes([byte]) for byte in range(256)])
    return tf.where(is_byte, tf.gather(all_bytes, 16 * values[:, 0] + values[:, 1]), tokens)
