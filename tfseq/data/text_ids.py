"""Texts as rows of ids, for the models that read each text whole."""

from typing import Any

import tensorflow as tf

from tfseq.text import Tokenizer


def text_ids(
    texts: tf.Tensor, tokenizer: Tokenizer, tables: Any, max_length: int
) -> tf.RaggedTensor:
    """Strings `[N]` to ids int32 `[N, (T)]` of the first `max_length` tokens, in graph.

    `tables` is what has `token_to_id`: a `Vocabulary` or its tables.

    >>> from tfseq.text import CharTokenizer, Vocabulary
    >>> text_ids(tf.constant(["bab", "c"]), CharTokenizer(), Vocabulary(["a", "b"]), 2)
    <tf.RaggedTensor [[2, 1], [0]]>
    """
    return tables.token_to_id(tokenizer.tokenize(texts)[:, :max_length])
