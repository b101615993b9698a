"""Tokenizers from their configuration."""

from typing import Annotated, Any

from tfseq.options.parts import Part, PartTable

TOKENIZERS = PartTable(
    "tokenizer", {"char": "tfseq.text:CharTokenizer", "word": "tfseq.text:WordTokenizer"}
)
TokenizerName = Annotated[Part, TOKENIZERS.rule]


def make_tokenizer(config: dict[str, Any]) -> Any:
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
    return TOKENIZERS.find(kind).from_config(config)
