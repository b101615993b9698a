"""The report of a language model's training, against its files and a loop of single steps."""

import csv
import math
import re

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.models import LanguageModel
from tfseq.report.format import shown
from tfseq.tasks.language_model.evaluation.surprisal import token_surprisal
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.training import prepare

SMALL = {
    "batch_size": 4,
    "num_steps": 10,
    "units": 12,
    "epochs": 2,
    "sample_epochs": 1,
    "verbose": "quiet",
    "export": False,
}


def run_of(place, **changes):
    text = "".join(np.random.default_rng(0).choice(list("ab <\n"), 1500))
    (place / "text.txt").write_text(text)
    options = {"corpus": str(place / "text.txt"), "run_dir": str(place / "run"), **SMALL}
    training = prepare(LanguageModelOptions(**{**options, **changes}), log=lambda line: None)
    training.task.sample = lambda size: "a <sample>" if size == 200 else "the <end>"
    metrics = training.run.fit(training.evaluate)
    assert training.result(metrics).endswith("\n\nthe <end>")
    return training, metrics, training.report(metrics).write(place / "report.html").read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("place"), cell="lstm", num_layers=2)


@pytest.mark.slow
def test_every_part_is_there(finished):
    _, metrics, page = finished
    assert re.findall("<h2>(.*?)</h2>", page) == [
        *("Result", "Curves", "Surprisal", "Samples", "Gradients", "Timing", "Configuration")
    ]
    assert f"<dd>{metrics['validation_perplexity']:.4g}</dd>" in page
    assert f'<td class="n">{metrics["validation_bits_per_token"]:.3f}</td>' in page
    assert page.count("a &lt;sample&gt;") == 2
    assert page.count("the &lt;end&gt;") == 1
    assert "<dt>--num-layers</dt><dd>2</dd>" in page
    assert "<dt>--sample-prompt</dt><dd>&#x27;\\n&#x27;</dd>" in page
    assert "s = [h, c]" in page
    assert page.count('<li><i class="s1"></i>layer 2</li>') == 2
    if metrics.get("baseline_perplexity"):
        assert f"perplexity of {metrics['baseline_order']}-gram counts" in page


@pytest.mark.slow
def test_surprisal_is_that_of_single_steps(finished):
    training, _, page = finished
    model, vocabulary = training.task.model, training.task.vocabulary
    ids, states = training.corpus.ids, model.initial_states(1)
    start = training.corpus.num_train
    bits = []
    for n, token in enumerate(ids[start - 512 : -1], start=start - 511):
        logits, states = model.step(np.array([token], "int32"), states)
        if n >= start:
            log_p = tf.nn.log_softmax(logits)[0].numpy()
            bits.append(-log_p[ids[n]] / math.log(2))
    titles = re.findall('title="(.): ([0-9.]+) bits; expected', page.replace("&lt;", "<"))
    texts = [vocabulary.tokens[i] for i in ids[start:]]
    told = iter(titles)
    for text, expected in zip(texts, bits, strict=True):
        # A space is told by name.
        if text != " ":
            sign, value = next(told)
            assert sign == {"\n": "↵"}.get(text, text)
            assert float(value) == pytest.approx(expected, rel=2e-3)
    assert next(told, None) is None
    assert f"The mean is {np.mean(bits):.3f} bits" in page
    assert page.count('title="space: ') == texts.count(" ")


@pytest.mark.slow
def test_gradient_norms_of_history_are_drawn(finished):
    training, _, page = finished
    run = training.run
    with open(run.directory.path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == run.options.epochs
    for key, name in (("gradient_norm", "mean of the epoch"), ("gradient_norm_max", "largest")):
        for row in rows:
            assert f"<title>{name}: {shown(float(row[key]))} at {row['epoch']}</title>" in page
    assert f"<title>clipped to: 1 at {rows[-1]['epoch']}</title>" in page


@pytest.mark.slow
def test_a_run_without_validation(tmp_path):
    cell = "keras.layers:LSTMCell"
    _, metrics, page = run_of(tmp_path, validation_fraction=0.0, cell=cell, epochs=1)
    assert "s = [h, c]" in page
    assert metrics["validation_perplexity"] is None
    assert "There is no validation split" in page
    assert "best epoch" not in page
    # One line needs no legend; the end of the training split is the passage.
    assert "</i>layer 1</li>" not in page
    assert len(re.findall(" bits; expected", page)) == 1200


def test_surprisal_of_a_uniform_model():
    model = LanguageModel(8, units=3)
    model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
    surprisal = token_surprisal(model, np.array([3, 1, 7]), np.array([0, 2]), num_expected=20)
    np.testing.assert_allclose(surprisal.bits, 3)
    assert surprisal.expected.shape == (3, 8)
    np.testing.assert_allclose(surprisal.probabilities, 1 / 8)
    with pytest.raises(ValueError, match="at least one token"):
        token_surprisal(model, np.array([1]), np.array([], "int32"))


@pytest.mark.slow
def test_a_text_too_short_to_follow_gradients(tmp_path):
    (tmp_path / "text.txt").write_text("ab ab a")
    options = LanguageModelOptions(
        corpus=str(tmp_path / "text.txt"),
        run_dir=str(tmp_path / "run"),
        report=True,
        validation_fraction=0.0,
        baseline=False,
        **{**SMALL, "batch_size": 1, "num_steps": 2, "sample_epochs": 0},
    )
    tfseq.train(options, log=lambda line: None)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "The text is too short to follow gradients back through it." in page


CELL = """
import keras

class DoublingCell(keras.layers.SimpleRNNCell):
    def call(self, inputs, states, training=False):
        output, states = super().call(inputs, states, training=training)
        return 2 * output, states
"""


@pytest.mark.slow
def test_a_cell_whose_output_is_not_its_state(tmp_path, monkeypatch):
    (tmp_path / "doubling_cells.py").write_text(CELL)
    monkeypatch.syspath_prepend(tmp_path)
    cell = "doubling_cells:DoublingCell"
    _, metrics, page = run_of(tmp_path, validation_fraction=0.0, cell=cell, epochs=1)
    assert "Gradients through time are not measured: the outputs of the model" in page
    assert "steps back" not in page
    assert "<h2>Configuration</h2>" in page
    # As in any run without validation; the end of the training split is the passage.
    assert metrics["validation_perplexity"] is None
    assert "There is no validation split" in page
    assert "best epoch" not in page
    assert len(re.findall(" bits; expected", page)) == 1200
