"""The most probable symbols: the order of the logits, and nothing that hangs on a place."""

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.generation.ranking import best_probabilities
from tfseq.models import Tagger, TextClassifier
from tfseq.serving import ServingSettings, TaggerSettings, TextClassifierSettings
from tfseq.serving.signatures.language_model_signatures import LanguageModelSignatures
from tfseq.serving.signatures.tagging import TaggerSignatures
from tfseq.serving.signatures.text_classification import TextClassifierSignatures

SYMBOLS = [*"abcdefghijklmnopqr"]


@pytest.mark.parametrize("num_symbols", [2, 7, 9, 31])
def test_equals_sorting_by_logit_then_id(num_symbols):
    logits = np.random.default_rng(num_symbols).integers(-3, 4, (200, num_symbols))
    logits = (logits * 0.7).astype("float32")
    probabilities, ids = best_probabilities(tf.constant(logits), num_symbols)
    order = np.argsort(-logits, axis=1, kind="stable")
    np.testing.assert_array_equal(ids, order)
    expected = np.exp(logits.astype("float64"))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, np.take_along_axis(expected, order, 1), rtol=1e-6)
    # Equal logits are equal symbols, to the last bit.
    ordered = np.take_along_axis(logits, order, 1)
    equal = np.diff(ordered) == 0
    assert not np.diff(probabilities)[equal].any()


@pytest.fixture(scope="module")
def answers():
    """`answers(bias, texts)` -> tokens, labels and tags of models that answer a bias to all."""
    vocabulary = tfseq.Vocabulary(SYMBOLS)
    tables, tokenizer = vocabulary.tables(), tfseq.CharTokenizer()
    labels, count = [s.encode() for s in SYMBOLS], len(SYMBOLS)
    models = [
        tfseq.LanguageModel(len(vocabulary), units=3),
        TextClassifier(len(vocabulary), count, units=3),
        Tagger(len(vocabulary), count, units=3),
    ]
    for model in models:
        model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
    language, classifier, tagger = models
    signatures = [
        LanguageModelSignatures(
            language, tokenizer, tables, ServingSettings(num_next_tokens=count)
        ).signatures()["next_token"],
        TextClassifierSignatures(
            classifier, tokenizer, tables, labels, TextClassifierSettings(num_labels=count)
        ).signatures()["serving_default"],
        TaggerSignatures(tagger, tables, labels, TaggerSettings()).signatures()["serving_default"],
    ]

    def answers(bias, texts):
        language.output_bias.assign([0.0, *bias])
        for model in (classifier, tagger):
            (output_bias,) = (w for w in model.weights if w.shape == (count,))
            output_bias.assign(bias)
        return [
            {name: value.numpy() for name, value in signature(tf.constant(texts)).items()}
            for signature in signatures
        ]

    return answers


@pytest.mark.parametrize("count", [1, 3])
def test_the_signatures_answer_equal_logits_in_the_order_of_their_ids(answers, count):
    symbols = [s.encode() for s in SYMBOLS]
    next_token, classes, tags = answers(np.full(len(SYMBOLS), 0.3, "float32"), ["ab c"] * count)
    assert next_token["tokens"].tolist() == [symbols] * count
    assert classes["labels"].tolist() == [symbols] * count
    assert tags["tags"].tolist() == [[b"a"] * 2] * count
    for scores in (next_token["probabilities"], classes["scores"], tags["scores"]):
        np.testing.assert_array_equal(scores, np.float32(1 / 18))


def test_the_signatures_rank_logits_whose_probabilities_are_equal_when_rounded(answers):
    """The later symbol is the better one, by 1e-8: its probability is the same float32."""
    symbols = [s.encode() for s in SYMBOLS[::-1]]
    next_token, classes, tags = answers(np.float32(1e-8) * np.arange(len(SYMBOLS)), ["ab c"])
    assert next_token["tokens"].tolist() == [symbols]
    assert classes["labels"].tolist() == [symbols]
    assert tags["tags"].tolist() == [[b"r"] * 2]
