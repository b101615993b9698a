"""The tokens a model knows, and their ids."""

import functools
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import tensorflow as tf

from tfseq.errors import InputError
from tfseq.files.atomic_file import write_atomically
from tfseq.options.rules import PositiveInt, checked
from tfseq.text.special_tokens import BEGIN, END, SPECIAL_LINES, SpecialToken
from tfseq.text.vocabulary_tables import VocabularyTables

UNKNOWN = "<unk>"

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", " ": "\\s"}
_UNESCAPES = {escaped: raw for raw, escaped in _ESCAPES.items()}


class Vocabulary:
    r"""An ordered set of tokens; a token's id is its place. Id 0 is `<unk>`, every unknown token.

    A vocabulary of documents also has `BEGIN` and `END`, which no text can spell; see
    `SpecialToken`.

    Args:
        tokens: the tokens in the order of their ids. `<unk>` is put first if it is not there.

    Raises:
        ValueError: if a token is empty, not encodable in UTF-8, or comes twice.

    >>> vocabulary = Vocabulary(["a", "b", "\n"])
    >>> vocabulary.token_to_id(["b", "z", "\n"]).numpy().tolist()
    [2, 0, 3]
    >>> vocabulary.id_to_token([1, 2, 99]).numpy().tolist()
    [b'a', b'b', b'<unk>']
    """

    def __init__(self, tokens: Iterable[str]):
        tokens = tuple(tokens)
        if tokens[:1] != (UNKNOWN,):
            tokens = (UNKNOWN, *tokens)
        _check(tokens)
        self.tokens = tokens

    @classmethod
    def build(
        cls,
        counts: Mapping[str, int],
        min_frequency: int = 1,
        max_size: int | None = None,
        reserved_tokens: Iterable[str] = (),
    ) -> "Vocabulary":
        """Build a vocabulary: `<unk>`, the reserved tokens, then by falling frequency, ties in
        code-point order.

        Args:
            counts: how often each token occurs.
            min_frequency: rarer tokens are left out.
            max_size: the most ids there may be, `<unk>` and reserved tokens included, or None.
            reserved_tokens: tokens that are in the vocabulary whatever the counts.

        Raises:
            ValueError: `min_frequency` is below 1, or `max_size` has no room for the reserved
                tokens.

        >>> Vocabulary.build({"b": 2, "a": 2, "c": 3, "d": 1}, min_frequency=2).tokens
        ('<unk>', 'c', 'a', 'b')
        """
        checked("min_frequency", min_frequency, PositiveInt)
        first = tuple(dict.fromkeys((UNKNOWN, *reserved_tokens)))
        if max_size is not None and max_size < len(first):
            raise ValueError(
                f"`max_size` must be at least {len(first)}, the number of reserved tokens with "
                f"{UNKNOWN}. Received: {max_size}."
            )
        frequent = {token for token, count in counts.items() if count >= min_frequency}
        frequent -= {*first}
        ordered = sorted(frequent, key=lambda token: (-counts[token], token))
        return cls((*first, *ordered)[:max_size])

    def __len__(self) -> int:
        return len(self.tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, {self.fingerprint[:8]})"

    @property
    def document_ids(self) -> tuple[int, int] | None:
        """The ids of `BEGIN` and `END`; None where there are none.

        >>> Vocabulary([BEGIN, END, "a"]).document_ids
        (1, 2)
        """
        if BEGIN not in self.tokens or END not in self.tokens:
            return None
        return self.tokens.index(BEGIN), self.tokens.index(END)

    def token_to_id(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """The int32 ids of tokens, in graph; `<unk>`'s for those that are not known."""
        return self._embedded_tables.token_to_id(tokens)

    def id_to_token(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """The tokens of integer ids, in graph; `<unk>` for ids that there are not."""
        return self._embedded_tables.id_to_token(ids)

    def tables(self, asset_path: str | os.PathLike | None = None) -> VocabularyTables:
        """New lookup tables of this vocabulary, to be tracked by what is saved.

        Args:
            asset_path: None, and the tokens are constants of the graph; or the file that `save`
                wrote, which then is an asset of a SavedModel, under the same name.

        Raises:
            ValueError: the file is not this vocabulary's.
        """
        if asset_path is not None and Path(asset_path).read_bytes() != self._file_bytes:
            raise ValueError(
                f"`asset_path` must be the file that this vocabulary's `save` wrote. "
                f"Received: {os.fspath(asset_path)!r}, which differs from it."
            )
        return VocabularyTables(self.tokens, [*map(escape, self.tokens)], asset_path)

    @functools.cached_property
    def _embedded_tables(self) -> VocabularyTables:
        # The first use may be inside a tf.data function; the tables must outlive it.
        with tf.init_scope():
            return self.tables()

    def save(self, path: str | os.PathLike) -> None:
        r"""Write the vocabulary as UTF-8 text, one token a line, whole or not at all.

        Newline, carriage return, tab, space and backslash within a token are written as
        `\n`, `\r`, `\t`, `\s` and `\\`; a special token as `\<begin>`, which is no other token.
        """
        write_atomically(path, self._file_bytes)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Vocabulary":
        """Read a vocabulary that `save` wrote.

        Raises:
            InputError: the file cannot be read or is no vocabulary; it names the line.
        """
        try:
            lines = Path(path).read_bytes().decode().removesuffix("\n").split("\n")
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path} is not a vocabulary: invalid UTF-8 at byte {error.start}."
            ) from None
        if lines[0] != UNKNOWN:
            raise InputError(f"{path}:1: a vocabulary must begin with {UNKNOWN}.")
        numbers = {}
        for number, line in enumerate(lines, start=1):
            if not is_escaped(line):
                raise InputError(f"{path}:{number}: not an escaped token. Received: {line!r}.")
            if numbers.setdefault(line, number) != number:
                raise InputError(
                    f"{path}:{number}: the same token as line {numbers[line]}. Received: {line!r}."
                )
        return cls(map(unescape, lines))

    @property
    def fingerprint(self) -> str:
        """The SHA-256 digest, in hexadecimal, of the file that `save` writes."""
        return hashlib.sha256(self._file_bytes).hexdigest()

    @property
    def _file_bytes(self) -> bytes:
        return "".join(f"{escape(token)}\n" for token in self.tokens).encode()


def escape(token: str) -> str:
    r"""Write a token without whitespace or ambiguity.

    >>> print(escape("a b\n"), escape(BEGIN))
    a\sb\n \<begin>
    """
    if isinstance(token, SpecialToken):
        return token.line
    return re.sub(r"[\\\n\r\t ]", lambda match: _ESCAPES[match[0]], token)


def unescape(line: str) -> str:
    """Undo `escape`."""
    if line in SPECIAL_LINES:
        return SPECIAL_LINES[line]
    return re.sub(r"\\.", lambda match: _UNESCAPES[match[0]], line)


def is_escaped(line: str) -> bool:
    """Return whether `escape` writes such a line for some token."""
    escaped = re.fullmatch(r"(?:[^\\\n\r\t ]|\\[\\nrts])+", line) is not None
    return escaped or line in SPECIAL_LINES


def _check(tokens: tuple[str, ...]) -> None:
    seen = set()
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"`tokens` must be strings. Received: {token!r}.")
        if not token:
            raise ValueError("`tokens` must not be empty strings. Received: ''.")
        if token in seen:
            raise ValueError(f"`tokens` must differ. Received twice: {token!r}.")
        try:
            token.encode()
        except UnicodeEncodeError:
            raise ValueError(f"`tokens` must be valid Unicode. Received: {token!r}.") from None
        seen.add(token)
