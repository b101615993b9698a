"""Evaluation against one pass over the text, a token at a time."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.data import blocks
from tfseq.errors import InputError
from tfseq.generation.text_graph import TextGraph
from tfseq.models import LanguageModel
from tfseq.serving import ServingSettings
from tfseq.tasks.language_model.evaluation import Evaluation, Evaluator
from tfseq.tasks.language_model.evaluation import evaluator as module
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.task import LanguageModelTask
from tfseq.text import CharTokenizer, Vocabulary

V = 8
IDS = np.random.default_rng(0).integers(0, V, 60).astype("uint8")


def make_model(cell="gru", **options):
    model = LanguageModel(V, cell=cell, units=5, num_layers=2, **options)
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(scale=0.8, size=w.shape) for w in model.get_weights()])
    return model


def one_pass(model, ids):
    """−log P of each id but the first, by single steps from the zero state."""
    states, losses = model.initial_states(1), []
    for before, after in itertools.pairwise(ids):
        logits, states = model.step(np.array([before], "int32"), states)
        logits = np.asarray(logits[0], "float64")
        losses.append(np.log(np.exp(logits).sum()) - logits[after])
    return losses


@pytest.mark.everyday(2)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_one_row_is_one_pass(cell):
    model = make_model(cell)
    result = Evaluator(model, batch_size=1, num_steps=7)(IDS)
    losses = one_pass(model, IDS)
    assert result.num_tokens == len(losses) == 59
    assert result.mean_cross_entropy == pytest.approx(np.mean(losses), rel=1e-5)
    assert result.perplexity == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)
    assert result.bits_per_token == pytest.approx(np.mean(losses) / math.log(2), rel=1e-5)


@pytest.mark.parametrize("block_values", [1, 14, 21])
def test_a_text_of_several_blocks_is_one_pass(monkeypatch, block_values):
    """Windows are gathered in blocks; the first of each goes on where the last one ended."""
    monkeypatch.setattr(blocks, "BLOCK_VALUES", block_values)
    model = make_model()
    result = Evaluator(model, batch_size=1, num_steps=7)(IDS, context=3)
    losses = one_pass(model, [3, *IDS])
    assert result.num_tokens == len(losses) == 60
    assert result.mean_cross_entropy == pytest.approx(np.mean(losses), rel=1e-5)


def test_with_the_token_before():
    model = make_model()
    evaluate = Evaluator(model, batch_size=1, num_steps=16)
    result = evaluate(IDS[20:], context=int(IDS[19]))
    losses = one_pass(model, IDS[19:])
    assert result.num_tokens == len(losses) == 40
    assert result.mean_cross_entropy == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.everyday(4)
@pytest.mark.parametrize("context", [None, 3])
@pytest.mark.parametrize(("num_ids", "rows"), [(60, 3), (29, 2), (19, 1), (9, 1)])
def test_rows_side_by_side(monkeypatch, context, num_ids, rows):
    """Each row is read from the zero state and no shorter than told; each token counts once."""
    monkeypatch.setattr(module, "MIN_ROW_TOKENS", 10)
    model = make_model()
    ids = IDS[:num_ids]
    result = Evaluator(model, batch_size=3, num_steps=4)(ids, context=context)

    whole = ids if context is None else np.r_[context, ids]
    length = math.ceil((len(whole) - 1) / rows)
    losses = [
        loss
        for start in range(0, len(whole) - 1, length)
        for loss in one_pass(model, whole[start : start + length + 1])
    ]
    assert result.num_tokens == len(losses) == len(whole) - 1
    assert result.mean_cross_entropy == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_short_text_is_one_pass_whatever_the_batch():
    model = make_model()
    few = Evaluator(model, batch_size=32)(IDS)
    assert few.mean_cross_entropy == pytest.approx(np.mean(one_pass(model, IDS)), rel=1e-5)


def test_again_and_after_training():
    """One evaluator serves a whole run: no text leaves a trace, and weights are read anew."""
    model = make_model(dropout=0.5)
    evaluate = Evaluator(model)
    first = evaluate(IDS)
    assert evaluate(IDS[:9]).num_tokens == 8
    assert evaluate(IDS) == first
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert evaluate(IDS).perplexity == pytest.approx(V)


def test_too_short():
    evaluate = Evaluator(make_model())
    with pytest.raises(InputError, match="needs at least 2 tokens"):
        evaluate(IDS[:1])
    assert evaluate(IDS[:1], context=0).num_tokens == 1


def test_a_loss_beyond_any_perplexity():
    assert Evaluation(1e5, 3).perplexity == math.inf


def test_a_short_text_is_evaluated_as_score_reads_it(tmp_path):
    """Letters put a space where another character stood, but none at a text's ends."""
    keras.utils.set_random_seed(1)
    tokenizer = CharTokenizer(normalization="letters")
    vocabulary = Vocabulary([" ", *"etaoinshrdl"])
    model = LanguageModel(len(vocabulary), units=6)
    options = LanguageModelOptions(normalization="letters")
    task = LanguageModelTask(None, options, model, tokenizer, vocabulary)
    graph = TextGraph(model, tokenizer, vocabulary.tables())
    path = tmp_path / "text.txt"
    for text in ("The end. It is here.", " the end ", "it"):
        path.write_text(text)
        score = graph.score(tf.constant([text]))
        result = task.evaluate(path)
        assert result["num_tokens"] == int(score.num_tokens[0])
        assert result["perplexity"] == pytest.approx(float(score.perplexity[0]), rel=1e-5)


def test_a_longer_text_is_evaluated_as_a_corpus_is_read(tmp_path, monkeypatch):
    """What `score` would cut off counts too, and a corpus ends each document with a space."""
    monkeypatch.setenv("TFSEQ_CACHE", str(tmp_path / "cache"))
    tokenizer = CharTokenizer(normalization="letters")
    vocabulary = Vocabulary([" ", *"etaoinshrdl"])
    model = LanguageModel(len(vocabulary), units=6)
    options = LanguageModelOptions(normalization="letters")
    task = LanguageModelTask(None, options, model, tokenizer, vocabulary)
    path = tmp_path / "text.txt"
    path.write_text("é" * ServingSettings.max_score_bytes + "The end.")
    ids = task.encode(path).ids
    assert task.evaluate(path)["num_tokens"] == len(ids) - 1
    expected = Evaluator(model)(ids)
    assert task.evaluate(path)["perplexity"] == pytest.approx(expected.perplexity, rel=1e-6)
