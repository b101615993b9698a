"""Classifiers and taggers as SavedModels: through the C++ loader, row by row, whatever comes."""

import contextlib
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tfseq
from tfseq.data.text_ids import text_ids
from tfseq.models import Tagger, TextClassifier
from tfseq.serving import (
    ServingError,
    TaggerSettings,
    TextClassifierSettings,
    export_tagger,
    export_text_classifier,
    inspect_export,
)
from tfseq.serving import export as export_module
from tfseq.serving.loader.loader_process import LoaderError

from ..fake_server import client_of
from ..fuzz import check, requests

LABELS = ["no", "yes", "猫"]
TAGS = ["B-X", "I-X", "O"]
TEXTS = ["abc de", "", "想要 c", "e" * 11, "<unk> zzz", "a b c d e"]
HOSTILE = [
    b"",
    b"\0a\0",
    b"\xff\xfe\x80",
    b"\xed\xa0\x80 ab\xf0\x9f\x91",
    "e\u0301\u0302 \u202eשלום\u202c".encode(),
    b" \n\t" * 20_000,
    b"z" * 300_000,
    "想".encode() * 100_000,
]


def lively(model):
    rng = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(rng.normal(scale=0.8, size=weight.shape))
    return model


@pytest.fixture(scope="module", params=["char", "word"])
def classifier(request, loader, tmp_path_factory):
    """A function from texts to answers, the model, tokenizer and vocabulary, and the path."""
    tokenizer = tfseq.CharTokenizer() if request.param == "char" else tfseq.WordTokenizer()
    tokens = [*"abcde想要 "] if request.param == "char" else ["abc", "de", "想", "要", "c", "e"]
    vocabulary = tfseq.Vocabulary(tokens)
    cell, layers = ("gru", 2) if request.param == "char" else ("lstm", 1)
    model = lively(TextClassifier(len(vocabulary), 3, cell, units=6, num_layers=layers))
    caps = TextClassifierSettings(max_length=12, max_text_bytes=64, num_labels=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "LoaderProcess", lambda: contextlib.nullcontext(loader))
        path = export_text_classifier(
            model, tokenizer, vocabulary, LABELS, tmp_path_factory.mktemp("c"), settings=caps
        )
    loader.load(path)

    def ask(texts):
        return loader.run(path, "serving_default", text=np.array(texts, object))

    return ask, (model, tokenizer, vocabulary), path


@pytest.fixture(scope="module")
def tagger(loader, tmp_path_factory):
    vocabulary = tfseq.Vocabulary(["abc", "de", "想要", "c", "e"])
    model = lively(Tagger(len(vocabulary), 3, units=6))
    caps = TaggerSettings(max_length=5, max_text_bytes=64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "LoaderProcess", lambda: contextlib.nullcontext(loader))
        path = export_tagger(model, vocabulary, TAGS, tmp_path_factory.mktemp("t"), settings=caps)
    loader.load(path)

    def ask(texts):
        return loader.run(path, "serving_default", text=np.array(texts, object))

    return ask, (model, vocabulary), path


def test_a_classifier_answers_as_its_model_does(classifier):
    ask, (model, tokenizer, vocabulary), _ = classifier
    outputs = ask(TEXTS)
    logits = model(text_ids(tf.constant(TEXTS), tokenizer, vocabulary, 12).to_tensor(-1)).numpy()
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    order = np.argsort(-expected, axis=1)[:, :2]
    assert outputs["labels"].tolist() == [[LABELS[i].encode() for i in row] for row in order]
    assert outputs["scores"] == pytest.approx(np.take_along_axis(expected, order, 1), abs=1e-5)
    assert not any(outputs["warning"])
    assert len({tuple(row) for row in outputs["labels"].tolist()}) > 1


def test_a_classifier_s_rows_do_not_depend_on_each_other(classifier):
    ask, _, _ = classifier
    texts = [*TEXTS, *(text.decode("latin-1") for text in HOSTILE[:4])]
    alone = [ask([text]) for text in texts]
    for size in (len(texts), 64):
        together = ask([texts[row % len(texts)] for row in range(size)])
        for row in range(size):
            answer = alone[row % len(texts)]
            assert answer["labels"][0].tolist() == together["labels"][row].tolist()
            assert answer["scores"][0] == pytest.approx(together["scores"][row], abs=1e-5)


def test_a_classifier_answers_whatever_comes(classifier):
    ask, _, _ = classifier
    outputs = ask([*HOSTILE, b"abc de"])
    assert np.isfinite(outputs["scores"]).all()
    assert outputs["warning"][-2].decode() == (
        "Of `text` the first 12 tokens only were read, and at most 64 bytes."
    )
    assert outputs["labels"][-1].tolist() == ask(["abc de"])["labels"][0].tolist()
    assert ask([])["labels"].shape == (0, 2)
    assert ask(["", ""])["scores"].shape == (2, 2)


def test_of_a_text_a_classifier_reads_so_many_tokens_and_bytes_and_no_more(classifier):
    ask, (_, tokenizer, _), _ = classifier
    words = isinstance(tokenizer, tfseq.WordTokenizer)
    full = " ".join(["abc", "de"] * 6) if words else "abcdeabcdeab"
    outputs = ask([full, full + " c", full + " c c"])
    assert [bool(warning) for warning in outputs["warning"]] == [False, True, True]
    for row in (1, 2):
        assert outputs["scores"][row] == pytest.approx(outputs["scores"][0], abs=1e-5)
    # The last byte that is read ends a word of the vocabulary; one byte on, it is another word.
    texts = ["z" * 60 + " abc", "z" * 61 + " abc", "z" * 61 + " ab"]
    outputs = ask(texts)
    assert [bool(warning) for warning in outputs["warning"]] == [not words, True, not words]
    if words:
        assert outputs["scores"][1] == pytest.approx(outputs["scores"][2], abs=1e-5)
        assert outputs["scores"][1] != pytest.approx(outputs["scores"][0], abs=1e-3)


def test_a_tagger_answers_as_its_model_does(tagger):
    ask, (model, vocabulary), _ = tagger
    outputs = ask(TEXTS)
    for row, text in enumerate(TEXTS):
        words = text.split()
        n = len(words)
        assert outputs["num_tokens"][row] == n
        assert [w.decode() for w in outputs["tokens"][row]] == [*words, *[""] * (5 - n)]
        assert not any(outputs["tags"][row][n:])
        assert not outputs["scores"][row][n:].any()
        if n:
            logits = model(vocabulary.token_to_id([words])).numpy()[0]
            expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            tags = [TAGS[i].encode() for i in expected.argmax(axis=1)]
            assert outputs["tags"][row][:n].tolist() == tags
            assert outputs["scores"][row][:n] == pytest.approx(expected.max(axis=1), abs=1e-5)
    assert not any(outputs["warning"])


def test_a_tagger_s_rows_do_not_depend_on_each_other(tagger):
    ask, _, _ = tagger
    alone = [ask([text]) for text in TEXTS]
    for size in (len(TEXTS), 64):
        together = ask([TEXTS[row % len(TEXTS)] for row in range(size)])
        for row in range(size):
            answer = alone[row % len(TEXTS)]
            n = int(answer["num_tokens"][0])
            assert answer["tags"][0].tolist() == together["tags"][row][:n].tolist()
            assert answer["scores"][0] == pytest.approx(together["scores"][row][:n], abs=1e-5)


def test_a_tagger_answers_whatever_comes(tagger):
    ask, _, _ = tagger
    outputs = ask([*HOSTILE, b"abc de c abc de c"])
    for text in outputs["tokens"].ravel():
        text.decode("utf-8")
    assert outputs["warning"][-1] == b"The first 5 tokens only were tagged."
    assert outputs["warning"][6] == b"Of `text` the first 64 bytes only were read."
    assert outputs["num_tokens"].max() == 5
    assert ask([])["tags"].shape[0] == 0


def test_of_a_text_a_tagger_reads_so_many_tokens_and_bytes_and_no_more(tagger):
    ask, _, _ = tagger
    outputs = ask(["abc de c e abc", "abc de c e abc de", "z" * 60 + " abc", "z" * 61 + " abc"])
    assert outputs["num_tokens"].tolist() == [5, 5, 2, 2]
    assert outputs["tags"][0].tolist() == outputs["tags"][1].tolist()
    assert [row[1] for row in outputs["tokens"][2:].tolist()] == [b"abc", b"ab"]
    assert outputs["warning"].tolist() == [
        b"",
        b"The first 5 tokens only were tagged.",
        b"",
        b"Of `text` the first 64 bytes only were read.",
    ]


def test_tokens_tagged_as_they_are(tagger, loader):
    ask, _, path = tagger
    tokens = np.array([["abc", "de", "c"], ["想要", "", ""]], object)

    def tag(num_tokens):
        return loader.run(
            path, "tag_tokens", tokens=tokens, num_tokens=np.array(num_tokens, "int32")
        )

    outputs = tag([3, 1])
    expected = ask(["abc de c", "想要"])
    assert outputs["tags"].tolist() == expected["tags"].tolist()
    assert outputs["scores"] == pytest.approx(expected["scores"], abs=1e-5)
    odd = tag([-4, 99])
    assert odd["num_tokens"].tolist() == [0, 3]
    assert all(b"`num_tokens` must be from 0" in warning for warning in odd["warning"])
    assert tag([1])["num_tokens"].tolist() == [1, 1]
    with pytest.raises(LoaderError):
        tag([3, 1, 1])


def test_any_request_ends_in_an_answer_or_is_an_invalid_argument(tagger, classifier, loader):
    exports = [(path, loader.load(path)) for _, _, path in (tagger, classifier)]

    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(exports), st.data())
    def fuzz(export, data):
        path, signatures = export
        check(partial(loader.run, path), data.draw(requests(signatures)))

    fuzz()


@pytest.mark.everyday(2)
@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_client_gets_what_the_export_answers(protocol, classifier, tagger, loader):
    """Types are those of the signature, for texts as for numbers, for no row and for many."""
    ask, _, path = classifier
    with client_of(protocol, loader.load(path), partial(loader.run, path)) as client:
        for texts in (TEXTS, [b"\xff\xfe", "想要 c"], []):
            agree(client.predict("serving_default", text=texts), ask(texts))
        agree(client.predict("serving_default", text=TEXTS[0]), ask(TEXTS[:1]))
    ask, _, path = tagger
    with client_of(protocol, loader.load(path), partial(loader.run, path)) as client:
        for texts in (TEXTS, [""], []):
            agree(client.predict("serving_default", text=np.array(texts, object)), ask(texts))
        tokens = [["abc", "de", "c"], ["想要", "", ""]]
        inputs = {"tokens": np.array(tokens, object), "num_tokens": np.array([3, 1], "int32")}
        expected = loader.run(path, "tag_tokens", **inputs)
        agree(client.predict("tag_tokens", tokens=tokens, num_tokens=[3, 1]), expected)
        with pytest.raises(
            tfseq.InputError, match="`tokens` must be texts, in lists of equal lengths"
        ):
            client.predict("tag_tokens", tokens=[["a"], ["b", "c"]], num_tokens=[1, 2])
        with pytest.raises(ServingError, match="the model's: serving_default, tag_tokens"):
            client.predict("classify", text=["a"])


def agree(served, expected):
    assert set(served) == set(expected)
    for name, value in served.items():
        assert value.dtype == expected[name].dtype
        if value.dtype == object and value.size:
            value = np.vectorize(str.encode, [object])(value)
        np.testing.assert_array_equal(value, expected[name], strict=True)


def test_exports_pass_inspection(classifier, tagger):
    for _, _, path in (classifier, tagger):
        inspection = inspect_export(path)
        assert inspection.problems == ()
        assert inspection.num_warm_up_records == 2 * len(inspection.signatures)
    assert inspect_export(classifier[2]).card["labels"] == LABELS
    assert inspect_export(tagger[2]).card["tags"] == TAGS


def test_labels_and_models_that_do_not_fit(tmp_path):
    vocabulary = tfseq.Vocabulary(["a"])
    model = TextClassifier(2, 3, units=2)
    with pytest.raises(ValueError, match="`labels` must have as many entries as the model has, 3"):
        export_text_classifier(model, tfseq.CharTokenizer(), vocabulary, ["x"], tmp_path)
    with pytest.raises(ValueError, match="`vocabulary` must have as many entries"):
        export_tagger(Tagger(5, 3, units=2), vocabulary, TAGS, tmp_path)
    with pytest.raises(ValueError, match="`keep_versions` must be a positive integer"):
        export_text_classifier(
            model, tfseq.CharTokenizer(), vocabulary, LABELS, tmp_path, keep_versions=0
        )
    with pytest.raises(ValueError, match="`keep_versions` must be a positive integer"):
        export_tagger(Tagger(2, 3, units=2), vocabulary, TAGS, tmp_path, keep_versions=0)
    with pytest.raises(tfseq.InputError, match="`max_length` must be an integer from 1"):
        TextClassifierSettings(max_length=0)
    assert list(tmp_path.iterdir()) == []
