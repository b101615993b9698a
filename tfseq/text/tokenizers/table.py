"""Tokenizers from their configuration."""

from typing import Any

from tfseq.text.tokenizers.char_tokenizer import CharTokenizer
from tfseq.text.tokenizers.tokenizer import Tokenizer
from tfseq.text.tokenizers.word_tokenizer import WordTokenizer

_KINDS = {tokenizer.kind: tokenizer for tokenizer in (CharTokenizer, WordTokenizer)}


def make_tokenizer(config: dict[str, Any]) -> Tokenizer:
    """Build the tokenizer whose `get_config()` gave `config`.

    Args:
        config: `kind` (`char` or `word`), and optionally `normalization` and `case_fold`.

    Raises:
        ValueError: if `kind` or `normalization` is unknown.
        TypeError: if there are other keys.

    >>> make_tokenizer({"kind": "word", "normalization": "nfkc"})
    WordTokenizer(normalization='nfkc', case_fold=False)
    """
    kind = config.get("kind")
    if kind not in _KINDS:
        raise ValueError(
            f"`kind` of a tokenizer must be one of {', '.join(_KINDS)}. Received: {kind!r}."
        )
    return _KINDS[kind].from_config(config)
