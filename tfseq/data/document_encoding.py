"""Documents as ids: each on its own, its end marked, split between training and the rest."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.data.encoded_corpus import write_id_pieces
from tfseq.data.mapped import release_pages
from tfseq.errors import InputError
from tfseq.text import CharTokenizer, Corpus, SubwordTokenizer, Tokenizer, Vocabulary
from tfseq.text.counting import as_text, parallel_map
from tfseq.text.special_tokens import BEGIN, END
from tfseq.text.tokenizers.subword_tokenizer import build_vocabulary

_NUMBER = np.uint32
# Tokens that are held in memory at a time.
_BLOCK_TOKENS = 1 << 20
# Sets the draw of splits apart from those of windows.
_SPLITS = 2


@dataclasses.dataclass(frozen=True)
class NumberedDocuments:
    """Documents as numbers of their distinct tokens, in a file.

    Attributes:
        numbers: uint32 `[N]`, the tokens of all documents, one after the other; a token's number is
            its place among `distinct`.
        lengths: int64 `[D]`, the tokens of each document, none of which is empty.
        distinct: the distinct tokens (UTF-8), in the order of their first appearance.
    """

    numbers: np.ndarray
    lengths: np.ndarray
    distinct: list[bytes]

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield which documents, and their numbers, some at a time."""
        stops = np.cumsum(self.lengths)
        first = start = 0
        while first < len(stops):
            last = max(first + 1, int(np.searchsorted(stops, start + _BLOCK_TOKENS, "right")))
            yield slice(first, last), np.asarray(self.numbers[start : stops[last - 1]])
            release_pages(self.numbers)
            first, start = last, int(stops[last - 1])

    def counts(self, taken: np.ndarray) -> dict[str, int]:
        """How often each token occurs in the documents that are `taken`, bool `[D]`."""
        counts = np.zeros(len(self.distinct), np.int64)
        for some, numbers in self.blocks():
            here = np.repeat(taken[some], self.lengths[some])
            counts += np.bincount(numbers[here], minlength=len(counts))
        named = zip(map(as_text, self.distinct), counts.tolist(), strict=True)
        return {token: count for token, count in named if count}


def write_documents(
    directory: Path,
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
    numbered = _number(corpus, tokenizer, file, chunk_chars, max_tokens)
    lengths = numbered.lengths
    if isinstance(tokenizer, SubwordTokenizer):
        if max_tokens is not None:
            raise InputError(
                "`max_tokens` must be left out with `documents` and subwords: these are learned "
                f"from the training documents, all of them. Received: {max_tokens}."
            )
        lengths = _characters_of_documents(corpus)
    splits = split_of_documents(lengths, *fractions, split_seed)
    if vocabulary is None:
        given = dict.fromkeys([*building["reserved_tokens"], BEGIN, END])
        vocabulary = build_vocabulary(
            tokenizer, numbered.counts(splits == 0), **{**building, "reserved_tokens": given}
        )
    _, end = vocabulary.document_ids
    id_of = vocabulary.token_to_id(tf.constant(numbered.distinct)).numpy()
    sizes = [int((numbered.lengths[splits == split] + 1).sum()) for split in range(3)]

    def pieces() -> Iterator[np.ndarray]:
        yield np.array([end])
        for split in range(3):
            if not sizes[split]:
                continue
            for some, numbers in numbered.blocks():
                lengths = numbered.lengths[some]
                ids = np.insert(id_of[numbers], np.cumsum(lengths), end)
                yield ids[np.repeat(splits[some] == split, lengths + 1)]

    write_id_pieces(directory, pieces(), sizes[0] + 1, vocabulary, sizes[2])
    file.unlink()


def documents_for_training(
    corpus: Corpus, fractions: tuple[float, float], split_seed: int | None = None
) -> Corpus:
    """The documents of the training split, by characters: what subwords are learned from.

    `write_documents` splits those of a `SubwordTokenizer` likewise, whatever its pieces are.

    >>> corpus = Corpus("fruit", lambda: [["fig"], ["plum"], ["kiwi"]], "files")
    >>> "".join(documents_for_training(corpus, (0.3, 0.0)).text()).split()
    ['fig', 'plum']
    """
    splits = split_of_documents(_characters_of_documents(corpus), *fractions, split_seed)

    def documents() -> Iterator[Iterator[str]]:
        split = iter(splits.tolist())
        for document in corpus.document_chunks(CharTokenizer()):
            first = next(document, "")
            if first and next(split) == 0:
                yield chain([first], document)

    return Corpus(corpus.name, documents)


def _characters_of_documents(corpus: Corpus) -> np.ndarray:
    documents = corpus.document_chunks(CharTokenizer())
    lengths = np.array([sum(map(len, document)) for document in documents], np.int64)
    return lengths[lengths > 0]


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


def _number(corpus, tokenizer, path, chunk_chars, max_tokens) -> NumberedDocuments:
    """Tokenize the documents of a corpus, once, on every core; leave out those without a token."""
    number_of: dict[bytes, int] = {}
    lengths, length, total = [], 0, 0

    def split(batch):
        texts, last = batch
        if len(texts) == 1:
            distinct, index = tokenizer.tokenize_distinct(tf.constant(texts[0]))
            return distinct.numpy(), index.numpy(), [len(index)], last
        rows = tokenizer.tokenize(tf.constant(texts))
        distinct, index = tf.unique(rows.values)
        return distinct.numpy(), index.numpy(), rows.row_lengths().numpy().tolist(), last

    batches = _batches(corpus.document_chunks(tokenizer, chunk_chars), chunk_chars)
    with path.open("wb") as file:
        for distinct, index, row_lengths, last in parallel_map(split, batches):
            known = [number_of.setdefault(token, len(number_of)) for token in distinct]
            file.write(np.array(known, _NUMBER)[index].data)
            for row_length, is_last in zip(row_lengths, last, strict=True):
                length += row_length
                if is_last:
                    lengths.append(length)
                    total, length = total + length, 0
            if max_tokens is not None and total > max_tokens:
                break
    lengths = np.array(lengths, np.int64)
    lengths = lengths[lengths > 0]
    if max_tokens is not None:
        lengths = lengths[np.cumsum(lengths) <= max_tokens]
    total = int(lengths.sum())
    if not total:
        limit = "" if max_tokens is None else f" of at most `max_tokens` {max_tokens:,} tokens"
        raise InputError(f"There is no document{limit} in the corpus {corpus.name}.")
    numbers = np.memmap(path, _NUMBER, "r", shape=(total,))
    return NumberedDocuments(numbers, lengths, list(number_of))


def _batches(
    documents: Iterable[Iterable[str]], chunk_chars: int
) -> Iterator[tuple[list[str], list[bool]]]:
    """Texts, and whether a document ends with each: many short ones together, a long one alone."""
    texts, last, size = [], [], 0
    for document in documents:
        before = None
        for text in document:
            if texts and (before is not None or size + len(text) > chunk_chars):
                yield texts, last
                texts, last, size = [], [], 0
            if before is not None:
                yield [before], [False]
            before = text
        if before is not None:
            texts.append(before)
            last.append(True)
            size += len(before)
    if texts:
        yield texts, last
