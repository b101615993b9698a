"""Encoding in pieces writes what one process writes, whatever the pieces and the order of tasks."""

import itertools

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import tfseq.tasks.subwords as subwords_of_runs
import tfseq.text.corpora.corpus_pieces as corpus_pieces
from tfseq.cluster.tasks import InThisProcess
from tfseq.cluster.text.stage_progress import StageProgress
from tfseq.cluster.text.stage_tasks import StageTasks
from tfseq.cluster.text.text_sample import training_sample
from tfseq.cluster.text.text_stage import TextStage
from tfseq.data import encode_corpus
from tfseq.data.numbered_splits import first_characters, split_by_characters
from tfseq.errors import InputError
from tfseq.text import SubwordTokenizer, make_tokenizer, open_corpus

from ..word_corpus import WORDS, corpus_of_words
from .any_order import InAnyOrder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three files, of which one has no line end at its end, and records."""
    return corpus_of_words(tmp_path_factory.mktemp("corpus"), 1500, 40, 12_000)


SETTINGS = [
    {"kind": "char"},
    {"kind": "char", "normalization": "letters"},
    {"kind": "word", "case_fold": True},
    {"kind": "word", "line_ends": True},
    {"kind": "whitespace", "line_ends": True},
]


@hypothesis.given(
    st.sampled_from(SETTINGS),
    st.integers(4000, 60_000),
    st.sampled_from(
        [
            {},
            {"max_tokens": 4000, "validation_fraction": 0.0},
            {"test_fraction": 0.1, "min_frequency": 40},
            {"max_size": 5, "reserved_tokens": ["new"]},
        ]
    ),
    st.integers(0, 9),
)
@hypothesis.settings(max_examples=6)
def test_ids_vocabulary_and_fingerprint_are_those_of_one_process(
    corpus, tmp_path_factory, settings, piece_bytes, how, seed
):
    tokenizer, place = make_tokenizer(settings), tmp_path_factory.mktemp("cache")
    alone = encode_corpus(corpus, tokenizer, cache_dir=place / "alone", **how)
    stage = TextStage(InAnyOrder(seed), piece_bytes, shard_bytes=1 << 16)
    pieces = encode_corpus(corpus, tokenizer, cache_dir=place / "pieces", write=stage, **how)
    assert pieces.ids.dtype == alone.ids.dtype
    np.testing.assert_array_equal(pieces.ids, alone.ids)
    assert pieces.vocabulary.tokens == alone.vocabulary.tokens
    assert pieces.fingerprint == alone.fingerprint
    assert (pieces.num_train, pieces.num_test) == (alone.num_train, alone.num_test)
    # One entry, under the name that it has without pieces, and nothing beside it.
    names = [[path.name for path in (place / part).iterdir()] for part in ("alone", "pieces")]
    assert names[0] == names[1]


@pytest.fixture(scope="module")
def subwords():
    pytest.importorskip("sentencepiece")
    texts = [" ".join(WORDS) + "\n"] * 9
    return SubwordTokenizer.learn(texts, 275, normalization="nfkc")


@pytest.mark.parametrize(
    "how", [{}, {"test_fraction": 0.07, "validation_fraction": 0.3}, {"max_tokens": 3000}]
)
def test_subwords_are_split_by_characters(corpus, subwords, tmp_path, how):
    alone = encode_corpus(corpus, subwords, cache_dir=tmp_path / "alone", **how)
    for seed, piece_bytes in enumerate((4000, 50_000)):
        stage = TextStage(InAnyOrder(seed), piece_bytes, shard_bytes=1 << 16)
        place = tmp_path / str(piece_bytes)
        pieces = encode_corpus(corpus, subwords, cache_dir=place, write=stage, **how)
        assert (pieces.num_train, pieces.num_test) == (alone.num_train, alone.num_test)
        assert pieces.fingerprint == alone.fingerprint


@hypothesis.given(st.integers(300, 40_000), st.integers(0, 9), st.integers(1, 60_000))
@hypothesis.settings(max_examples=5)
def test_subwords_are_learned_from_the_same_text(corpus, piece_bytes, seed, most_characters):
    """All of a short text, and of a long one the same stretches."""
    told = []
    progress = StageProgress(told.append, clock=itertools.count(step=61.0).__next__)
    tasks = StageTasks(InAnyOrder(seed), progress)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subwords_of_runs, "MOST_CHARACTERS", most_characters)
        patch.setattr(subwords_of_runs, "_STRETCH", 700)
        for fractions, most in (((0.1, 0.05), None), ((0.0, 0.0), 5000)):
            if most is None:
                train = split_by_characters(corpus, *fractions)[0]
            else:
                train = first_characters(corpus, most)
            length = sum(map(len, train.text()))
            found, texts = training_sample(
                tasks,
                corpus.source,
                fractions,
                most,
                subwords_of_runs.spread_step,
                subwords_of_runs.stretches,
                piece_bytes,
            )
            assert found == length
            assert "".join(texts) == "".join(subwords_of_runs.spread(train.text(), length))
    # A line a minute, of both stages, to the last of their tasks.
    stages = [line.split(" tasks")[0].split() for line in told]
    ended = [name for name, tasks in stages if len({*tasks.split("/")}) == 1]
    assert ended == ["measure", "sample"] * 2


def test_shards_are_the_same_whatever_the_pieces(corpus, tmp_path):
    contents = []
    for size in (5_000, 33_000):
        place = tmp_path / str(size)
        stage = TextStage(InThisProcess(), size, shard_bytes=1 << 16)
        encode_corpus(corpus, make_tokenizer({"kind": "char"}), cache_dir=place, write=stage)
        (entry,) = place.iterdir()
        contents.append({path.name: path.read_bytes() for path in entry.iterdir()})
    assert contents[0] == contents[1]
    sizes = [len(contents[0][name]) for name in sorted(contents[0]) if name.startswith("ids")]
    assert len(sizes) > 1
    assert set(sizes[:-1]) == {1 << 16}


def test_what_is_damaged_is_made_again(corpus, tmp_path):
    tokenizer = make_tokenizer({"kind": "word"})
    stage = TextStage(InThisProcess(), 9_000, shard_bytes=1 << 16)
    encoded = encode_corpus(corpus, tokenizer, cache_dir=tmp_path, write=stage)
    (entry,) = tmp_path.iterdir()
    del encoded
    entry.joinpath("ids-00000").write_bytes(b"\0" * 100)
    alone = encode_corpus(corpus, tokenizer, cache_dir=tmp_path)
    assert [path.name for path in entry.iterdir() if path.name.startswith("ids")] == ["ids"]
    assert len(alone.ids) > 100


def test_an_error_that_is_not_of_the_text_reads_no_text(tmp_path, monkeypatch):
    path = tmp_path / "marks.txt"
    path.write_text("... !!!\n" * 900)
    corpus = open_corpus(str(path))
    tokenizer = make_tokenizer({"kind": "word", "normalization": "letters"})
    how = {"cache_dir": tmp_path / "cache", "write": TextStage(InThisProcess(), 3000)}
    # It reads the text as well.
    monkeypatch.setattr(type(corpus), "fingerprint", lambda corpus: "that of the text")
    monkeypatch.setattr(corpus, "text", None)
    with pytest.raises(InputError, match="There are no tokens in the corpus marks"):
        encode_corpus(corpus, tokenizer, **how)


def test_a_text_without_places_to_cut_is_read_by_one_process(tmp_path, monkeypatch):
    path = tmp_path / "long.txt"
    path.write_text("a " * 90 + "b" * 300 + " c" * 90)
    tokenizer, lines = make_tokenizer({"kind": "word"}), []
    alone = encode_corpus(open_corpus(str(path)), tokenizer, cache_dir=tmp_path / "alone")
    monkeypatch.setattr(corpus_pieces, "MAX_SEARCH", 100)
    stage = TextStage(InThisProcess(), 60, log=lines.append)
    encoded = encode_corpus(
        open_corpus(str(path)), tokenizer, cache_dir=tmp_path / "pieces", write=stage
    )
    assert encoded.fingerprint == alone.fingerprint
    assert "is read by this process" in lines[0]


def test_an_error_names_the_line_of_the_file(tmp_path, own_tokenizer):
    """Also with a tokenizer of one's own, whose ids are not kept: no other pass reads the text."""
    path = tmp_path / "some.txt"
    path.write_bytes(b"one two\n" * 2000)
    how = {"cache_dir": tmp_path / "cache", "write": TextStage(InThisProcess(), 3000)}
    assert len(encode_corpus(open_corpus(str(path)), own_tokenizer, **how).ids) == 4000
    path.write_bytes(b"one two\n" * 2000 + b"\xff\n")
    with pytest.raises(InputError, match=r"byte 16000 .*line 2001"):
        encode_corpus(open_corpus(str(path)), own_tokenizer, **how)
