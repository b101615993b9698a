"""Documents as ids: each on its own, its end marked, split between training and the rest."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data.encoded_corpus import write_id_pieces
from tfseq.data.numbered_documents import number_documents
from tfseq.errors import InputError
from tfseq.files.store import Store
from tfseq.text import Corpus, SubwordTokenizer, Tokenizer, Vocabulary
from tfseq.text.special_tokens import BEGIN, END
from tfseq.text.tokenizers.subword_tokenizer import build_vocabulary

# Sets the draw of splits apart from those of windows.
_SPLITS = 2
#: The split of a document that is left out.
LEFT_OUT = -1


def write_documents(
    directory: Path,
    work: Store,
    corpus: Corpus,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary | None,
    building: Mapping[str, Any],
    fractions: tuple[float, float],
    chunk_chars: int,
    max_tokens: int | None = None,
    split_seed: int | None = None,
) -> None:
    """Write what `load_encoded` reads, of a corpus whose documents are apart.

    The ids are

        END d_1 END d_2 END … d_D END,

    those of training first, then those of validation, then those of the test, each in the order of
    the corpus. So each document stands after an END, which a model reads as BEGIN: as in GPT-2's
    texts, one id stands between two documents.

    Args:
        directory: an empty one, for what is written.
        work: for what is of use until then; not used here.
        corpus, tokenizer, vocabulary, max_tokens: as `encode_corpus` has them. Of `max_tokens`,
            whole documents are taken.
        building: arguments of `Vocabulary.build`.
        fractions: of validation and test.
        chunk_chars: characters that are tokenized at a time, at least.
        split_seed: as `encode_corpus` has it.

    Raises:
        InputError: there are too few documents.
    """
    file = directory / "numbers"
    numbered = number_documents(corpus.documents(), tokenizer, file, chunk_chars, max_tokens)
    splits = split_of_numbered(
        numbered.lengths,
        numbered.characters,
        corpus.name,
        tokenizer,
        fractions,
        split_seed,
        max_tokens,
    )
    if vocabulary is None:
        counts = numbered.counts(splits == 0)
        vocabulary = build_vocabulary(tokenizer, counts, **with_ends(building))
    _, end = vocabulary.document_ids
    id_of = vocabulary.token_to_id(tf.constant(numbered.tokens.distinct)).numpy()
    sizes = [int((numbered.lengths[splits == split] + 1).sum()) for split in range(3)]

    def pieces() -> Iterator[np.ndarray]:
        yield np.array([end])
        for split in range(3):
            yield from numbered.ids(id_of, end, splits == split)

    write_id_pieces(directory, pieces(), sizes[0] + 1, vocabulary, sizes[2])
    file.unlink()


def check_max_tokens(tokenizer: Tokenizer, max_tokens: int | None) -> None:
    """Raise InputError where documents cannot be limited to so many tokens."""
    if isinstance(tokenizer, SubwordTokenizer) and max_tokens is not None:
        raise InputError(
            "`max_tokens` must be left out with `documents` and subwords: these are learned "
            f"from the training documents, all of them. Received: {max_tokens}."
        )


def with_ends(building: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `Vocabulary.build` for texts that are documents."""
    given = dict.fromkeys([*building["reserved_tokens"], BEGIN, END])
    return {**building, "reserved_tokens": given}


def split_of_numbered(
    lengths: np.ndarray,
    characters: np.ndarray,
    name: str,
    tokenizer: Tokenizer,
    fractions: tuple[float, float],
    split_seed: int | None,
    max_tokens: int | None,
) -> np.ndarray:
    """Which split each document is of, as `split_of_documents` says.

    It is `LEFT_OUT` where it has no token, or more than are left of `max_tokens`.

    Args:
        lengths, characters: of each document, see `NumberedDocuments`.
        name: of the corpus, for messages.
        tokenizer: subwords are learned from the training split, which therefore goes by characters.
        fractions, split_seed, max_tokens: as `encode_corpus` has them.

    Raises:
        InputError: there are too few documents.
    """
    if max_tokens is not None:
        lengths = np.where(np.cumsum(lengths) <= max_tokens, lengths, 0)
    if not lengths.any():
        limit = "" if max_tokens is None else f" of at most `max_tokens` {max_tokens:,} tokens"
        raise InputError(f"There is no document{limit} in the corpus {name}.")
    sizes = characters if isinstance(tokenizer, SubwordTokenizer) else lengths
    splits = np.full(len(lengths), LEFT_OUT, np.int8)
    splits[sizes > 0] = split_of_documents(sizes[sizes > 0], *fractions, split_seed)
    splits[lengths == 0] = LEFT_OUT
    return splits


def documents_for_training(
    corpus: Corpus, fractions: tuple[float, float], split_seed: int | None = None
) -> Corpus:
    """The documents of the training split, by characters: what subwords are learned from.

    `write_documents` splits those of a `SubwordTokenizer` likewise, whatever its pieces are.

    >>> corpus = Corpus("fruit", lambda: [["fig"], ["plum"], ["kiwi"]], "files")
    >>> "".join(documents_for_training(corpus, (0.3, 0.0)).text()).split()
    ['fig', 'plum']
    """
    characters = np.array([sum(map(len, document)) for document in corpus.documents()], np.int64)
    characters = characters[characters > 0]
    splits = split_of_documents(characters, *fractions, split_seed)
    return taken_documents(corpus.name, corpus.documents, splits == 0)


def taken_documents(
    name: str, documents: Callable[[], Iterable[Iterable[str]]], taken: np.ndarray
) -> Corpus:
    """The text of the documents that are taken, of those that have a character."""

    def those() -> Iterator[Iterator[str]]:
        take = iter(taken.tolist())
        for document in documents():
            pieces = filter(None, document)
            first = next(pieces, "")
            if first and next(take):
                yield chain([first], pieces)

    return Corpus(name, those)


def split_of_documents(
    lengths: np.ndarray, validation_fraction: float, test_fraction: float, seed: int | None = None
) -> np.ndarray:
    """Which split each document is of: 0 training, 1 validation, 2 test; int8 `[D]`.

    The last documents are those of the test, those before them those of validation: as many as come
    nearest to the share of the tokens, and at least one.

    Args:
        lengths: tokens of each document.
        validation_fraction, test_fraction: shares of the tokens.
        seed: the documents are taken in an order drawn from it; None takes that of the corpus.

    Raises:
        InputError: there are too few documents.

    >>> split_of_documents(np.array([3, 3, 3, 3, 3, 3, 3, 3]), 0.25, 0.1).tolist()
    [0, 0, 0, 0, 0, 1, 1, 2]
    """
    fractions = {1: validation_fraction, 2: test_fraction}
    needed = 1 + sum(fraction > 0 for fraction in fractions.values())
    if len(lengths) < needed:
        raise InputError(
            f"`documents`: there must be at least {needed}, one for each split. "
            f"Received: {len(lengths)}."
        )
    order = np.arange(len(lengths))
    if seed is not None:
        order = np.random.default_rng([seed, _SPLITS]).permutation(len(lengths))
    sizes = lengths + 1
    splits = np.zeros(len(lengths), np.int8)
    left = len(lengths)
    for split, fraction in reversed(fractions.items()):
        if not fraction:
            continue
        kept = 1 + (split == 2 and fractions[1] > 0)
        totals = np.cumsum(sizes[order[kept:left][::-1]])
        count = int(np.argmin(np.abs(totals - fraction * sizes.sum()))) + 1
        splits[order[left - count : left]] = split
        left -= count
    return splits
