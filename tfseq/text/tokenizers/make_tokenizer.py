"""Tokenizers from what a person names or gives."""

import inspect
from typing import Any

from tfseq.errors import InputError
from tfseq.options.rules import Rule
from tfseq.text.tokenizers.own_tokenizer import OwnTokenizer
from tfseq.text.tokenizers.table import TOKENIZERS
from tfseq.text.tokenizers.tokenizer import Tokenizer

_TOKENIZER = Rule(
    "`tokenizer` must be a class or function that makes an object with the methods `tokenize` and "
    "`detokenize`",
    lambda made: all(callable(getattr(made, name, None)) for name in ("tokenize", "detokenize")),
)


def make_tokenizer(config: dict[str, Any]) -> Tokenizer:
    """Build the tokenizer whose `get_config()` gave `config`.

    Args:
        config: `kind`, a name in `TOKENIZERS` or `module:Name`, and optionally `normalization`,
            `case_fold` and `line_ends`.

    Raises:
        InputError: there is no such tokenizer, it cannot be made, or takes no such option.
        ValueError: if `normalization` is unknown.
        TypeError: if there are other keys.

    >>> make_tokenizer({"kind": "word", "normalization": "nfkc"})
    WordTokenizer(normalization='nfkc', case_fold=False)
    """
    settings = dict(config)
    kind = TOKENIZERS.name(settings.pop("kind", ""))
    maker = TOKENIZERS.find(kind)
    if kind in TOKENIZERS.built_in:
        return maker(**settings)
    try:
        parameters = inspect.signature(maker).parameters
    except (TypeError, ValueError):  # It cannot be called, or does not say with what.
        parameters = {}
    for name, value in settings.items():
        if value not in ("none", False) and name not in parameters:
            raise InputError(
                f"`{name}` must be left out with the tokenizer {kind}, which does not take it. "
                f"Received: {value!r}."
            )
    taken = {name: value for name, value in settings.items() if name in parameters}
    tokenizer = as_tokenizer(TOKENIZERS.make(kind, _TOKENIZER, **taken))
    tokenizer.made_by = kind
    return tokenizer


def tokens_key(tokenizer: Tokenizer) -> list | None:
    """What the tokens of a text depend on besides the text, as values of JSON.

    None where that is not known: a tokenizer of a person's own has no `fingerprint`.

    >>> tokens_key(make_tokenizer({"kind": "char"}))
    [{'kind': 'char', 'normalization': 'none', 'case_fold': False}]
    """
    own = getattr(tokenizer, "own", tokenizer)
    if _is_built_in(own):
        return [tokenizer.get_config()]
    fingerprint = getattr(own, "fingerprint", None)
    fingerprint = fingerprint() if callable(fingerprint) else fingerprint
    if fingerprint is None:
        return None
    settings = own.get_config() if hasattr(own, "get_config") else None
    return [tokenizer.get_config(), str(settings), str(fingerprint)]


def as_tokenizer(tokenizer: Any) -> Tokenizer:
    """A tokenizer of a person's own as a `Tokenizer`; one that is in-graph and is one as it is."""
    if isinstance(tokenizer, OwnTokenizer) or _is_built_in(tokenizer):
        return tokenizer
    own = OwnTokenizer(tokenizer)
    return tokenizer if isinstance(tokenizer, Tokenizer) and own.is_in_graph else own


def _is_built_in(tokenizer: Any) -> bool:
    return type(tokenizer) in map(TOKENIZERS.find, TOKENIZERS.built_in)
