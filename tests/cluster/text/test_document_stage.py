"""Documents that are encoded in pieces are those of one process, whatever the pieces and the order
of tasks."""

import gzip
import json
import random

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import tfseq.tasks.subwords as subwords_of_runs
import tfseq.text.corpora.document_pieces as document_pieces
from tfseq.cluster.tasks import InThisProcess
from tfseq.cluster.text.stage_progress import StageProgress
from tfseq.cluster.text.stage_tasks import StageTasks
from tfseq.cluster.text.text_sample import training_sample
from tfseq.cluster.text.text_stage import TextStage
from tfseq.data import encode_corpus
from tfseq.data.document_encoding import documents_for_training
from tfseq.errors import InputError
from tfseq.files.store import Store
from tfseq.text import SubwordTokenizer, make_tokenizer, open_corpus

from ..word_corpus import WORDS
from .any_order import InAnyOrder

#: Where documents end, by the files that they are in.
FORMS = [
    ("texts", "files"),
    ("texts", r"\n\n"),
    ("texts", "<|end|>"),
    ("texts", r"\n%\n"),
    ("records", "records"),
    ("records", "cat"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Texts and records, some of which are compressed, are UTF-16, or have nothing in them."""
    draw, place = random.Random(0), tmp_path_factory.mktemp("documents")
    words = [*WORDS, "\n\n", "\r\n\r\n", "<|end|>", "\r\n%\r\n", "\n%\n%\n"]
    for name, size in {"a": 900, "b": 1, "c": 4000, "d": 600, "e": 700}.items():
        text = " ".join(draw.choices(words, k=size))
        place.joinpath("texts").mkdir(exist_ok=True)
        place.joinpath("texts", f"{name}.txt").write_bytes(
            text.encode("utf-16" if name == "d" else "utf-8")
        )
    for n in range(30):
        place.joinpath("texts", f"short{n:02}.txt").write_text(f"file {n}\n" if n % 7 else "")
    records = [" ".join(draw.choices(words, k=draw.randrange(9))) for _ in range(900)]
    lines = ["", *(json.dumps({"body": text}) for text in records)]
    place.joinpath("records").mkdir()
    place.joinpath("records", "a.jsonl").write_text("\r\n".join(lines[:600]), newline="")
    for path in (place / "texts" / "e.txt", place / "records" / "b.jsonl"):
        text = path.read_bytes() if path.exists() else "\n".join(lines[600:]).encode()
        path.unlink(missing_ok=True)
        with gzip.open(f"{path}.gz", "wb") as file:
            file.write(text)
    return place


@pytest.fixture(scope="module")
def subwords():
    pytest.importorskip("sentencepiece")
    return SubwordTokenizer.learn([" ".join(WORDS) + "\n"] * 9, 275, normalization="letters")


def check_same(corpus, tokenizer, stage, place, **how):
    alone = encode_corpus(corpus, tokenizer, cache_dir=place / "alone", **how)
    pieces = encode_corpus(corpus, tokenizer, cache_dir=place / "pieces", write=stage, **how)
    assert pieces.ids.dtype == alone.ids.dtype
    np.testing.assert_array_equal(pieces.ids, alone.ids)
    assert pieces.vocabulary.tokens == alone.vocabulary.tokens
    assert pieces.end_id == alone.end_id is not None
    assert (pieces.num_train, pieces.num_test) == (alone.num_train, alone.num_test)
    assert pieces.fingerprint == alone.fingerprint
    # One entry, under the name that it has without pieces, and nothing beside it.
    names = [[path.name for path in (place / part).iterdir()] for part in ("alone", "pieces")]
    assert names[0] == names[1]


ANY_ENCODING = st.tuples(
    st.sampled_from(FORMS),
    st.sampled_from(
        [
            {"kind": "char"},
            {"kind": "char", "normalization": "letters"},
            {"kind": "word", "case_fold": True, "normalization": "nfkc"},
            {"kind": "whitespace", "line_ends": True},
        ]
    ),
    st.integers(500, 30_000),
    st.sampled_from(
        [
            {},
            {"max_tokens": 2500, "validation_fraction": 0.0},
            {"test_fraction": 0.1, "min_frequency": 40},
            {"split_seed": 4, "test_fraction": 0.2, "max_size": 9, "reserved_tokens": ["new"]},
        ]
    ),
    st.integers(0, 9),
)


@hypothesis.given(ANY_ENCODING)
@hypothesis.settings(max_examples=5)
def test_ids_vocabulary_and_fingerprint_are_those_of_one_process(place, tmp_path_factory, drawn):
    check_encoding(place, tmp_path_factory.mktemp("cache"), *drawn)


@pytest.mark.slow
@hypothesis.given(ANY_ENCODING)
@hypothesis.settings(max_examples=150)
def test_many_are_those_of_one_process(place, tmp_path_factory, drawn):
    check_encoding(place, tmp_path_factory.mktemp("cache"), *drawn)


def check_encoding(place, cache, form, settings, piece_bytes, how, seed):
    spec, documents = form
    if how.get("max_tokens") and documents == "files":
        how = {**how, "max_tokens": 20_000}  # More than the first file has.
    corpus = open_corpus(str(place / spec), documents=documents, text_field="body")
    stage = TextStage(InAnyOrder(seed), piece_bytes, shard_bytes=1 << 16)
    check_same(corpus, make_tokenizer(settings), stage, cache, **how)


@pytest.mark.parametrize("split_seed", [None, 1])
def test_subwords_are_split_by_characters(place, subwords, tmp_path, split_seed):
    """Also where a document has characters, and no token."""
    stage = TextStage(InAnyOrder(0), 3000, shard_bytes=1 << 16)
    corpus = open_corpus(str(place / "records"), documents="cat", text_field="body")
    check_same(corpus, subwords, stage, tmp_path, test_fraction=0.07, split_seed=split_seed)


@hypothesis.given(
    st.sampled_from(FORMS),
    st.integers(300, 40_000),
    st.integers(0, 9),
    st.sampled_from([20_000, 10_000_000]),
    st.sampled_from([None, 2]),
)
@hypothesis.settings(max_examples=12)
def test_subwords_are_learned_from_the_same_text(
    place, form, piece_bytes, seed, most_characters, split_seed
):
    """All of the training documents, and of many the same stretches."""
    corpus = open_corpus(str(place / form[0]), documents=form[1], text_field="body")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subwords_of_runs, "MOST_CHARACTERS", most_characters)
        patch.setattr(subwords_of_runs, "_STRETCH", 700)
        train = documents_for_training(corpus, (0.1, 0.05), split_seed)
        length = sum(map(len, train.text()))
        found, texts = training_sample(
            StageTasks(InAnyOrder(seed), StageProgress()),
            corpus.source,
            (0.1, 0.05),
            None,
            subwords_of_runs.spread_step,
            subwords_of_runs.stretches,
            piece_bytes,
            split_seed,
        )
        assert found == length
        assert "".join(texts) == "".join(subwords_of_runs.spread(train.text(), length))


def test_a_text_that_may_be_one_marker_or_another_is_read_by_one_process(tmp_path, monkeypatch):
    path, lines = tmp_path / "long.txt", []
    path.write_text("x" + "aa" * 5000 + "b")
    monkeypatch.setattr(document_pieces, "MAX_SEARCH", 100)
    corpus = open_corpus(str(path), documents="aab")
    with pytest.raises(InputError, match="must be at least 2"):
        encode_corpus(corpus, make_tokenizer({"kind": "char"}), cache_dir=tmp_path / "a")
    path.write_text("xb" + "a" * 10_001 + "b")
    corpus = open_corpus(str(path), documents="aa")
    stage = TextStage(InThisProcess(), 2000, log=lines.append)
    check_same(corpus, make_tokenizer({"kind": "char"}), stage, tmp_path)
    assert "is read by this process" in lines[0]


def test_what_a_killed_driver_has_left_is_gone_when_one_process_has_done_it(place, tmp_path):
    class Killed(BaseException):
        pass

    class Killing(InThisProcess):
        def map(self, function, items, done=lambda number, result: None):
            super().map(function, items[:3], done)
            raise Killed

    corpus = open_corpus(str(place / "records"), documents="records", text_field="body")
    tokenizer = make_tokenizer({"kind": "word"})
    stage = TextStage(Killing(), 3000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "remove", lambda store: None)
        with pytest.raises(Killed):
            encode_corpus(corpus, tokenizer, cache_dir=tmp_path, write=stage)
    (work,) = tmp_path.glob(".*.work")
    assert len([*work.glob("*.tokens")]) == 3
    encode_corpus(corpus, tokenizer, cache_dir=tmp_path)
    assert not [*tmp_path.glob(".*")]


@pytest.mark.parametrize(
    "bad", ['{"body": "a", "body": "b"}', '{"body": nothing}', "[1]", '{"other": ""}', "\0", "é"]
)
@pytest.mark.parametrize("documents", ["records", "cat"])
def test_an_error_names_the_line_of_the_file(tmp_path, own_tokenizer, bad, documents):
    """As it does without pieces; with a tokenizer whose ids are not kept, no other pass reads."""
    path = tmp_path / "some.jsonl"
    good = [json.dumps({"body": f"one cat {n}"}) for n in range(900)]
    path.write_bytes("\n".join([*good[:700], bad, *good[700:], "]"]).encode("latin-1"))
    messages = []
    for write in (None, TextStage(InAnyOrder(1), 3000)):
        corpus = open_corpus(str(path), documents=documents, text_field="body")
        with pytest.raises(InputError) as raised:
            encode_corpus(corpus, own_tokenizer, cache_dir=tmp_path / "cache", write=write)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]
    assert "jsonl:701: " in messages[0] or "line 701" in messages[0]
    assert not [*tmp_path.joinpath("cache").iterdir()]


def test_files_and_records_are_not_taken_for_one_another(place, tmp_path):
    for spec, documents, rule in (
        ("records", "files", "must be records, or a marker"),
        ("texts", "records", r"needs \.jsonl files"),
    ):
        with pytest.raises(InputError, match=rule):
            open_corpus(str(place / spec), documents=documents, text_field="body")
