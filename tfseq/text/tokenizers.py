"""Tokenizers from their configuration."""

from tfseq.text.char_tokenizer import CharTokenizer

_KINDS = {"char": CharTokenizer}

Tokenizer = CharTokenizer


def make_tokenizer(config: dict) -> Tokenizer:
    """Builds the tokenizer whose `get_config()` gave `config`.

    Raises:
        ValueError: if `config["kind"]` is unknown.

    >>> config = {"kind": "char", "normalization": "letters", "case_fold": False}
    >>> make_tokenizer(config).get_config() == config
    True
    """
    kind = config.get("kind")
    if kind not in _KINDS:
        raise ValueError(
            f"`kind` of a tokenizer must be one of {', '.join(_KINDS)}. Received: {kind!r}."
        )
    return _KINDS[kind].from_config(config)
