"""How long the text is that tokens stand for."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfseq.data.shuffled_documents import ends_of
from tfseq.text import CharTokenizer, SubwordTokenizer, Tokenizer, Vocabulary
from tfseq.text.tokenizers.subword_model import token_bytes

# Tokens that are joined at a time, so that memory does not grow with the text.
_BLOCK_TOKENS = 1 << 18


@dataclasses.dataclass(frozen=True)
class TextSize:
    """The size of a text, where it can be told.

    Attributes:
        num_tokens: its tokens.
        num_unknown: those of them that are `<unk>`.
        num_characters: its Unicode code points; None if it cannot be told.
        num_bytes: its bytes in UTF-8; None if they cannot be told.
    """

    num_tokens: int
    num_unknown: int
    num_characters: int | None
    num_bytes: int | None


def text_size(ids: np.ndarray, tokenizer: Tokenizer, vocabulary: Vocabulary) -> TextSize:
    """The size of the text that `detokenize` makes of tokens: normalized, if the tokenizer does so.

    What `<unk>` stands for is not known: with one among the tokens, the size cannot be told. Of a
    `CharTokenizer` each token is one character, an unknown one too. Of documents it is the sum of
    their sizes; their ends are tokens, and no text.

    Args:
        ids: integers `[N]`.
        tokenizer: what joins tokens.
        vocabulary: what the ids stand for.

    >>> vocabulary = Vocabulary(["a", "é", "猫"])
    >>> text_size(np.array([1, 2, 3, 3]), CharTokenizer(), vocabulary)
    TextSize(num_tokens=4, num_unknown=0, num_characters=4, num_bytes=9)
    """
    num_unknown = count_unknown(ids)
    if isinstance(tokenizer, SubwordTokenizer) and not num_unknown:
        return _size_of_bytes(ids, vocabulary)
    end = None if vocabulary.document_ids is None else vocabulary.document_ids[1]
    if num_unknown:
        num_ends = 0 if end is None else len(ends_of(ids, end))
        characters = len(ids) - num_ends if isinstance(tokenizer, CharTokenizer) else None
        return TextSize(len(ids), num_unknown, characters, None)
    tokens = tf.constant(vocabulary.tokens)
    characters = size = 0
    before = tf.constant("")
    for block in _blocks(ids):
        text, others = _texts(block.astype(np.int32), end, tokens, tokenizer)
        # What stands between two blocks belongs to the text.
        for part, sign in ((tokenizer.join(before, text), 1), (before, -1), (others, 1)):
            characters += sign * int(tf.reduce_sum(tf.strings.length(part, unit="UTF8_CHAR")))
            size += sign * int(tf.reduce_sum(tf.strings.length(part)))
        before = others[-1] if others.shape[0] else text
    return TextSize(len(ids), 0, characters, size)


def _size_of_bytes(ids: np.ndarray, vocabulary: Vocabulary) -> TextSize:
    """The size of a text whose tokens are bytes of it, some of them parts of a character.

    A character is counted where its first byte is; those that go on with one are 0b10xxxxxx.
    """
    parts = token_bytes(vocabulary.tokens)
    first_bytes = [sum(byte & 0xC0 != 0x80 for byte in part) for part in parts]
    counts = sum(np.bincount(block, minlength=len(parts)) for block in _blocks(ids))
    characters, size = (int(counts @ np.array(n)) for n in (first_bytes, [*map(len, parts)]))
    return TextSize(len(ids), 0, characters, size)


def count_unknown(ids: np.ndarray) -> int:
    """How many ids are 0, `<unk>`.

    >>> count_unknown(np.array([3, 0, 1, 0]))
    2
    """
    return sum(len(block) - int(np.count_nonzero(block)) for block in _blocks(ids))


def _texts(ids, end, tokens, tokenizer) -> tuple[tf.Tensor, tf.Tensor]:
    """The text of ids as far as the first end of a document, and those from there on."""
    if end is None or not (is_end := ids == end).any():
        return tokenizer.detokenize(tf.gather(tokens, ids)), tf.zeros([0], tf.string)
    rows = tf.RaggedTensor.from_value_rowids(
        tf.gather(tokens, ids[~is_end]), np.cumsum(is_end)[~is_end], int(is_end.sum()) + 1
    )
    texts = tokenizer.detokenize(rows)
    return texts[0], texts[1:]


def _blocks(ids):
    return (ids[start : start + _BLOCK_TOKENS] for start in range(0, len(ids), _BLOCK_TOKENS))
