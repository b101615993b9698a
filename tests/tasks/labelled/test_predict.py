"""`predict` of a classifier and a tagger: many texts, long ones, and what is no text."""

import warnings

import pytest

from tfseq.serving.signatures.tagging import TaggerSignatures
from tfseq.serving.signatures.text_classification import TextClassifierSignatures

KINDS = ("text_classification", "tagging")
WORDS = ["egg", "tea", "sun", "rain", "mud", "b-x0", "i-x3", "o1"]


@pytest.fixture(params=KINDS)
def task(request, trained):
    return trained(request.param)


def texts_of(count):
    return [" ".join(WORDS[(i + k) % 8] for k in range(i % 7)) for i in range(count)]


SIGNATURES = {
    "text_classification": (TextClassifierSignatures, "serving_default"),
    "tagging": (TaggerSignatures, "tag_tokens"),
}


@pytest.mark.everyday(1)
def test_many_texts_are_read_a_bounded_number_at_once(task, monkeypatch):
    signatures, name = SIGNATURES[task.options.task]
    texts, sizes, answer = texts_of(300), [], getattr(signatures, name)

    def noted(self, texts, *more):
        sizes.append(len(texts))
        return answer(self, texts, *more)

    monkeypatch.setattr(signatures, name, noted)
    together = task.predict(texts)
    assert (max(sizes) <= 128, sum(sizes), len(together)) == (True, 300, 300)
    # Padded to other lengths, in batches of other sizes.
    for i in (0, 1, 6, 127, 128, 255, 256, 299):
        alone = task.predict(texts[i])
        if task.options.task == "tagging":
            assert (alone.tokens, alone.tags) == (together[i].tokens, together[i].tags)
            assert alone.scores == pytest.approx(together[i].scores, abs=1e-5)
        else:
            assert dict(alone) == pytest.approx(dict(together[i]), abs=1e-5)


@pytest.mark.slow
def test_what_is_too_long_is_told_once_a_call(task):
    texts = ["egg " * 256, *texts_of(130), "egg " * 257, "tea " * 300]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = task.predict(texts)
    (warning,) = caught
    assert "irst 256 tokens only were" in str(warning.message)
    assert warning.filename == __file__
    if hasattr(rows[0], "tags"):
        assert [len(row.tags) for row in (rows[0], *rows[-2:])] == [256] * 3
    task.predict(texts[:-2])


def test_bytes_and_halves_of_surrogate_pairs(task):
    assert task.predict(b"egg tea") == task.predict("egg tea")
    assert task.predict([b"egg"]) == task.predict(["egg"])
    for odd in ("egg \udc80", b"egg \x80"):
        assert task.predict(odd) == task.predict("egg \ufffd")


def test_tokens_that_are_bytes(trained):
    found = trained("tagging").predict([["b-x0", b"\xff", "\udce9"]])
    assert found[0].tokens == ["b-x0", "\ufffd", "\ufffd"]


@pytest.mark.parametrize("wrong", [[1, 2], [None], ["egg", 3.5]])
def test_what_is_no_text(task, wrong):
    with pytest.raises(TypeError, match=r"must be (str or bytes|a text or tokens)\. Received: "):
        task.predict(wrong)


def test_a_token_that_is_no_text(trained):
    with pytest.raises(TypeError, match=r"A text must be str or bytes\. Received: 7\."):
        trained("tagging").predict([["egg", 7]])
