"""Where a text of subwords is split, and that no text is lost there."""

import numpy as np
import pytest

from tfseq.data import encode_corpus
from tfseq.text import CharTokenizer, Corpus, SubwordTokenizer

TEXT = "the time machine, 想要\r\n  and naïve \n" * 40


@pytest.fixture(scope="module")
def tokenizer():
    return SubwordTokenizer.learn([TEXT[:900]], 300)


def text_of(ids, encoded, tokenizer):
    tokens = encoded.vocabulary.id_to_token(np.asarray(ids, "int32"))
    return tokenizer.detokenize(tokens).numpy().decode()


@pytest.mark.parametrize("fractions", [(0.1, 0.0), (0.25, 0.13), (0.0, 0.0)])
def test_the_splits_are_those_of_characters(tokenizer, fractions, tmp_path):
    """Cut at the same character, in the middle of a word or not."""
    shares = dict(zip(("validation_fraction", "test_fraction"), fractions, strict=True))
    corpus = Corpus("a", lambda: [[TEXT[:100], TEXT[100:]]])
    for splitter in (tokenizer, CharTokenizer()):
        encoded = encode_corpus(corpus, splitter, cache_dir=tmp_path, **shares)
        splits = [encoded.train, encoded.validation, encoded.test]
        texts = [text_of(ids, encoded, splitter) for ids in splits]
        num_validation, num_test = (int(len(TEXT) * share) for share in fractions)
        assert "".join(texts) == TEXT
        assert [*map(len, texts)] == [
            len(TEXT) - num_validation - num_test,
            num_validation,
            num_test,
        ]


def test_the_vocabulary_is_all_there_is_by_falling_frequency(tokenizer, tmp_path):
    encoded = encode_corpus(Corpus("a", lambda: [[TEXT]]), tokenizer, cache_dir=tmp_path)
    assert sorted(encoded.vocabulary.tokens) == sorted(["<unk>", *tokenizer.tokens])
    counts = np.bincount(encoded.train, minlength=len(encoded.vocabulary))
    assert counts[0] == 0
    assert (np.diff(counts[1:]) <= 0).all()


def test_a_number_of_tokens_is_split_by_tokens(tokenizer, tmp_path):
    corpus = Corpus("a", lambda: [[TEXT]])
    encoded = encode_corpus(corpus, tokenizer, max_tokens=55, cache_dir=tmp_path)
    assert [len(encoded.train), len(encoded.validation)] == [50, 5]
    assert TEXT.startswith(text_of(encoded.ids, encoded, tokenizer))
