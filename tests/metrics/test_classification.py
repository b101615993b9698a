"""Accuracy, F1 and spans are those of scikit-learn and seqeval."""

import json
from pathlib import Path

import numpy as np
import pytest

from tfseq.metrics.classification import accuracy, confusion_matrix, f1_scores, macro_f1
from tfseq.metrics.span_f1 import names_spans, span_scores, spans

FIGURES = json.loads(Path(__file__).with_name("classification_figures.json").read_text())


def test_figures_of_labels_are_those_of_scikit_learn():
    for case in FIGURES["classification"]:
        confusion = confusion_matrix(case["labels"], case["guesses"], case["num_labels"])
        assert confusion.tolist() == case["confusion"]
        assert accuracy(confusion) == pytest.approx(case["accuracy"], abs=1e-12)
        np.testing.assert_allclose(f1_scores(confusion), case["f1"], atol=1e-12)
        assert macro_f1(confusion) == pytest.approx(case["macro_f1"], abs=1e-12)


def test_spans_are_those_of_seqeval():
    for case in FIGURES["tagging"]:
        for sentence, expected in zip(case["tags"], case["spans"], strict=True):
            assert spans(sentence) == {tuple(span) for span in expected}
        scores = span_scores(case["tags"], case["guesses"])
        for name in ("precision", "recall", "f1"):
            assert scores[name] == pytest.approx(case[name], abs=1e-12)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["O"], False),
        (["O", "B-PER"], True),
        (["I-PER"], True),
        (["O", "B-"], False),
        (["B-PER", "E-PER"], True),
        (["S-PER"], True),
        (["B-PER", "L-PER"], False),
        (["NOUN"], False),
    ],
)
def test_which_tags_name_spans(tags, expected):
    assert names_spans(tags) is expected
