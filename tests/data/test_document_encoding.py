"""Documents as ids: encoded, split, shuffled, evaluated."""

import itertools

import numpy as np
import pytest

from tfseq.data import (
    encode_corpus,
    encoding,
    evaluation_windows,
    sequential_windows,
    varied_windows,
)
from tfseq.data.document_encoding import split_of_documents
from tfseq.data.shuffled_documents import Documents
from tfseq.errors import InputError
from tfseq.text import CharTokenizer, Corpus, WordTokenizer
from tfseq.text.corpora.documents import FILES

TEXTS = ["ab", "<end>", "c", "", "aab ab", "b" * 9, "é", "猫", "a\nb\n", "abab" * 5]


def encoded(place, texts=TEXTS, tokenizer=None, **options):
    corpus = Corpus("texts", lambda: [[text] for text in texts], FILES)
    return encode_corpus(corpus, tokenizer or CharTokenizer(), cache_dir=place, **options)


def documents_of(corpus, ids):
    """Tokens of each document; what is before the first has been cut off."""
    tokens = [corpus.vocabulary.tokens[i] for i in ids]
    found, document = [], []
    for token, i in zip(tokens, ids, strict=True):
        if i == corpus.end_id:
            found.append("".join(document))
            document = []
        else:
            document.append(token)
    assert not document
    return found


@pytest.mark.parametrize("chunk", [4, 1 << 18])
def test_every_document_has_an_end(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(encoding, "_CHUNK_CHARS", chunk)
    corpus = encoded(tmp_path, validation_fraction=0)
    assert corpus.vocabulary.document_ids == (1, 2)
    assert documents_of(corpus, corpus.ids) == ["", *filter(None, TEXTS)]
    assert corpus.ids[0] == corpus.end_id
    again = encoded(tmp_path, validation_fraction=0)
    assert again.fingerprint == corpus.fingerprint


def test_words_of_a_document_stay_in_it(tmp_path):
    corpus = encoded(
        tmp_path, ["one two", "\n", "three.", "  four"], WordTokenizer(), validation_fraction=0
    )
    assert documents_of(corpus, corpus.ids) == ["", "onetwo", "three.", "four"]


def test_splits_hold_whole_documents(tmp_path):
    whole = [text for text in TEXTS if text]
    shares = {"validation_fraction": 0.3, "test_fraction": 0.2}
    by_order = encoded(tmp_path, **shares)
    parts = [
        documents_of(by_order, ids)
        for ids in (by_order.train[1:], by_order.validation, by_order.test)
    ]
    known = set("".join(parts[0]))
    assert list(map(len, parts)) == [4, 4, 1]
    assert parts[0] + parts[1] + parts[2] == [
        "".join(c if c in known else "<unk>" for c in text) for text in whole
    ]
    assert by_order.before("validation").tolist() == by_order.before("test").tolist() == [2]
    drawn = [encoded(tmp_path, split_seed=seed, **shares) for seed in (0, 0, 1)]
    assert drawn[0].fingerprint == drawn[1].fingerprint != drawn[2].fingerprint
    for corpus in drawn:
        for ids in (corpus.train[1:], corpus.validation, corpus.test):
            told = [text for text in documents_of(corpus, ids) if "<unk>" not in text]
            assert told == [text for text in whole if text in told]


def test_shares_of_splits():
    lengths = np.random.default_rng(0).integers(1, 40, 1000)
    for seed in (None, 7):
        splits = split_of_documents(lengths, 0.2, 0.1, seed)
        shares = [(lengths[splits == split] + 1).sum() / (lengths + 1).sum() for split in range(3)]
        np.testing.assert_allclose(shares, [0.7, 0.2, 0.1], atol=0.002)
    assert split_of_documents(np.array([1, 1, 1000]), 0.1, 0.1).tolist() == [0, 1, 2]
    assert split_of_documents(np.array([1000, 1, 1]), 0.1, 0).tolist() == [0, 1, 1]
    with pytest.raises(InputError, match="there must be at least 3"):
        split_of_documents(np.array([5, 5]), 0.1, 0.1)


def test_max_tokens_takes_whole_documents(tmp_path):
    corpus = encoded(tmp_path, validation_fraction=0, max_tokens=10)
    assert documents_of(corpus, corpus.ids) == ["", "ab", "<end>", "c"]
    with pytest.raises(InputError, match="no document of at most `max_tokens` 1 tokens"):
        encoded(tmp_path, max_tokens=1)


def stream(rng, count):
    documents = ([*rng.integers(3, 9, rng.integers(1, 7)), 2] for _ in range(count))
    return np.concatenate([[2], *documents])


def test_shuffled_documents_are_a_function_of_seed_and_epoch():
    ids = stream(np.random.default_rng(1), 40)
    documents = Documents(ids, 2)

    def read(seed, epoch, start=0, windows=sequential_windows, **more):
        shuffled = documents.shuffled(seed, epoch)
        place = {"seed": seed, "epoch": epoch, "start_batch": start, **more}
        return [x.numpy() for batch in windows(shuffled, 3, 7, **place) for x in batch]

    whole = documents.shuffled(0, 1).windows(np.array([0]), len(ids))[0]
    pieces = [tuple(p) for p in np.split(ids[1:], np.flatnonzero(ids[1:] == 2) + 1)]
    mixed = [tuple(p) for p in np.split(whole[1:], np.flatnonzero(whole[1:] == 2) + 1)]
    assert whole[0] == 2
    assert pieces != mixed
    assert sorted(pieces) == sorted(mixed)
    # The windows are those of the shuffled ids in an array.
    for windows, more in ((sequential_windows, {}), (varied_windows, {"order": "random"})):
        place = {"seed": 0, "epoch": 1, **more}
        expected = [x.numpy() for batch in windows(whole, 3, 7, **place) for x in batch]
        for one, other in zip(read(0, 1, windows=windows, **more), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    resumed = read(0, 1, start=4)
    for one, other in zip(resumed, read(0, 1)[8:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert any((one != other).any() for one, other in zip(read(0, 1), read(0, 2), strict=False))


@pytest.mark.parametrize("context", [2, None])
@pytest.mark.parametrize("rows", [1, 3, 8])
def test_rows_of_an_evaluation_begin_where_documents_do(context, rows):
    ids = stream(np.random.default_rng(2), 30)
    ids = ids if context is None else ids[1:]
    read = [[] for _ in range(rows)]
    for batch in evaluation_windows(ids, rows, 5, context, end_id=2):
        for row, x, y, w in zip(read, *(part.numpy() for part in batch), strict=True):
            row += list(zip(x[w > 0], y[w > 0], strict=True))
    first = ids if context is None else [context, *ids]
    assert list(itertools.chain(*read)) == list(itertools.pairwise(first))
    assert all(row[0][0] == 2 for row in read if row)
