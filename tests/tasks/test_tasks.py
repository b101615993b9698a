"""`tfseq.train` and `tfseq.load`: one way to train, use, measure and export a model of any task."""

import dataclasses
import json
import os

import numpy as np
import pytest
from small_tasks import KINDS, TAGS, options_of, write_series

import tfseq
from tfseq.options.saving import without_places
from tfseq.options.task_names import TASK_NAMES
from tfseq.serving import inspect_export

LABELS = {
    "language_model": None,
    "text_classification": ("bad", "good", "odd"),
    "tagging": TAGS,
    "forecasting": ("up", "down"),
}


def test_what_is_loaded_is_what_was_trained(trained, kind):
    task, loaded = trained(kind), tfseq.load(trained(kind).directory)
    assert type(task) is type(loaded)
    assert isinstance(loaded, tfseq.Task)
    assert loaded.options == task.options
    given = options_of(kind, task.directory.parent)
    if hasattr(given, "with_defaults_filled"):
        given = given.with_defaults_filled()
    export_dir = os.path.abspath("exported")
    assert loaded.options == dataclasses.replace(given, export_dir=export_dir)
    for one, other in zip(task.model.get_weights(), loaded.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.labels == task.labels == LABELS[kind]
    assert loaded.vocabulary == task.vocabulary
    assert (loaded.vocabulary is None) == (kind == "forecasting")
    assert loaded.directory == task.directory
    assert repr(loaded) == f"<{type(task).__name__} of {task.directory}>"
    assert loaded.metrics == json.loads((task.directory / "metrics.json").read_text())
    assert loaded.metrics["epochs"] == 2
    assert json.loads((task.directory / "config.json").read_text())["task"] == kind
    assert tfseq.load(str(task.directory), expected=kind).options == task.options


def test_a_task_that_is_not_the_expected_one_is_named(trained, kind):
    expected = "language_model" if kind == "tagging" else "tagging"
    models = [TASK_NAMES[name].model for name in (kind, expected)]
    with pytest.raises(tfseq.InputError) as caught:
        tfseq.load(trained(kind).directory, expected=expected)
    assert str(caught.value) == (
        f"`run_dir` {trained(kind).directory} is the run of {models[0]}, not of {models[1]}. "
        "evaluate_model.py measures it, and export_model.py exports it."
    )


@pytest.mark.everyday(2)
def test_the_metrics_of_the_run_are_measured_again(trained, kind):
    task = tfseq.load(trained(kind).directory)
    result, metrics = task.evaluate(), task.metrics
    if kind == "language_model":
        assert result["perplexity"] == pytest.approx(metrics["validation_perplexity"], rel=1e-5)
        assert result["num_tokens"] == metrics["validation_tokens"]
        bits = metrics["validation_bits_per_token"]
        assert result["bits_per_token"] == pytest.approx(bits, rel=1e-5)
        assert result["cross_entropy"] == pytest.approx(bits * np.log(2), rel=1e-5)
    elif kind == "forecasting":
        assert set(result) == {"up", "down"}
        for column, of in result.items():
            assert of == pytest.approx(metrics["test"][column]["GRU"], rel=1e-5)
    else:
        (f1,) = {"macro_f1", "span_f1"}.intersection(result)
        assert f1 == ("span_f1" if kind == "tagging" else "macro_f1")
        assert result["accuracy"] == metrics["test_accuracy"]
        assert result[f1] == metrics[f"test_{f1}"]
        assert result["f1"] == metrics["test_f1"]
    described = task.describe(result)
    first = {"language_model": "perplexity", "forecasting": "up"}.get(kind, "accuracy")
    value = result["up"]["mase"] if kind == "forecasting" else result[first]
    shown = f"{value:.4g}" if kind == "forecasting" else f"{value:.4f}"
    assert shown in next(line for line in described.splitlines() if line.startswith(first))


def strings(texts):
    return np.array(texts, object)


@pytest.fixture
def exported(trained, kind, exports):
    """The loaded task, and its export."""
    return tfseq.load(trained(kind).directory), exports(kind)


@pytest.mark.parametrize("kind", ["language_model"])
def test_a_language_model_writes_and_scores_what_its_export_does(exported, loader):
    task, path = exported
    prompts = ["the ", "", "猫 year"]
    given = {"temperature": 0.8, "top_k": 5, "top_p": 0.9}
    written = task.generate(prompts, 20, seed=[1, 2, 3], **given)
    answer = loader.run(
        path,
        "generate",
        prompt=strings(prompts),
        max_new_tokens=np.full(3, 20, "int32"),
        seed=np.int64([1, 2, 3]),
        temperature=np.float32([0.8] * 3),
        top_k=np.int32([5] * 3),
        top_p=np.float32([0.9] * 3),
    )
    assert [w.text for w in written] == [text.decode() for text in answer["text"]]
    log_probabilities = [w.log_probability for w in written]
    np.testing.assert_allclose(log_probabilities, answer["log_probability"], rtol=1e-5)
    assert all(len(w.completion) == 20 for w in written)
    texts = ["the time", "a light year in the time machine", "t"]
    answer = loader.run(path, "score", text=strings(texts))
    perplexities = [score.perplexity for score in task.score(texts)]
    np.testing.assert_allclose(perplexities, answer["perplexity"], rtol=1e-5)
    assert perplexities[2] == 1 < perplexities[0]


@pytest.mark.parametrize("kind", ["text_classification"])
def test_a_classifier_predicts_what_its_export_answers(exported, loader):
    task, path = exported
    texts = ["egg and tea", "", "mud", "猫 1️⃣ unheard", "tea " * 300]
    with pytest.warns(UserWarning, match="^Of `text` the first 256 tokens only were read"):
        predicted = task.predict(texts)
    answer = loader.run(path, "serving_default", text=strings(texts))
    for row, labels, scores in zip(predicted, answer["labels"], answer["scores"], strict=True):
        assert [label for label, _ in row] == [label.decode() for label in labels]
        np.testing.assert_allclose([score for _, score in row], scores, atol=1e-5)
        assert sum(score for _, score in row) == pytest.approx(1, abs=1e-5)
    alone = task.predict(texts[0])
    assert dict(alone) == pytest.approx(dict(predicted[0]), abs=1e-6)
    assert task.predict([]) == []
    assert len({str(row) for row in predicted}) == len(texts)


@pytest.mark.parametrize("kind", ["tagging"])
def test_a_tagger_tags_as_its_export_does(exported, loader):
    task, path = exported
    texts = ["o1 b-x0  i-x3", "unheard o2", ""]
    predicted = task.predict(texts)
    answer = loader.run(path, "serving_default", text=strings(texts))
    assert [row.tokens for row in predicted] == [text.split() for text in texts]
    for row, tokens, tags, scores in zip(
        predicted, answer["tokens"], answer["tags"], answer["scores"], strict=True
    ):
        size = len(row.tokens)
        assert row.tokens == [token.decode() for token in tokens[:size]]
        assert row.tags == [tag.decode() for tag in tags[:size]]
        np.testing.assert_allclose(row.scores, scores[:size], atol=1e-5)
    for alone in (
        task.predict(texts[0]),
        *task.predict(texts[:1]),
        *task.predict([["o1", "b-x0", "i-x3"]]),
    ):
        assert (alone.tokens, alone.tags) == (predicted[0].tokens, predicted[0].tags)
        assert alone.scores == pytest.approx(predicted[0].scores, abs=1e-6)
    assert task.predict([]) == []
    assert task.predict([["two words"]])[0].tokens == ["two words"]


@pytest.mark.parametrize("kind", ["forecasting"])
def test_a_forecaster_predicts_what_its_export_answers(exported, loader, tmp_path):
    task, path = exported
    values = np.loadtxt(write_series(tmp_path / "other.csv", 5), delimiter=",", skiprows=1)[:20]
    values[17, 1] = np.nan
    for given in (values, values[:3]):
        answer = loader.run(
            path,
            "serving_default",
            values=np.float32(given[None]),
            horizon=np.int32([3]),
        )
        served = answer["forecast"][0, :3]
        predicted = task.predict(given, horizon=3)
        assert predicted.shape == (3, 2)
        np.testing.assert_allclose(predicted / [1, 20], served / [1, 20], rtol=1e-5)
    assert task.predict(values).shape == (4, 2)
    both = task.predict(np.stack([values, values[::-1]]), horizon=3)
    np.testing.assert_allclose(both[0], task.predict(values, horizon=3), rtol=1e-5)
    for wrong in (values[:, :1], values[:, 0], values[:0]):
        with pytest.raises(tfseq.InputError, match=r"with C = 2: up, down\. Received: the shape"):
            task.predict(wrong)
    for horizon in (0, -1, 1.5):
        with pytest.raises(tfseq.InputError, match="`horizon` must be a positive integer"):
            task.predict(values, horizon)


def test_an_export_says_what_it_is_made_from(exported, kind):
    task, path = exported
    assert (path.parent.name, path.name) == ("egg", "1")
    inspection = inspect_export(path)
    assert inspection.problems == ()
    metadata = inspection.card["metadata"]
    assert metadata == {
        "run": kind,
        "options": without_places(task.options),
        "metrics": task.metrics,
    }


SETTINGS = {
    "language_model": {"max_new_tokens": 12},
    "text_classification": {"num_labels": 2},
    "tagging": {"max_length": 7},
    "forecasting": {"max_horizon": 9},
}


@pytest.mark.everyday(2)
@pytest.mark.usefixtures("not_warmed_up")
def test_settings_of_an_export(trained, kind, tmp_path):
    """Those of its task, those that the run says, and no others."""
    task = trained(kind)
    path = task.export(tmp_path / "egg", version=5, **SETTINGS[kind])
    assert path == tmp_path / "egg" / "5"
    card = json.dumps(inspect_export(path).card)
    ((name, value),) = SETTINGS[kind].items()
    assert f'"{name}": {value}' in card
    for other in KINDS:
        if other == kind or (kind, other) == ("text_classification", "tagging"):
            continue
        message = rf"`{next(iter(SETTINGS[other]))}` cannot be used here: .* is the run of a"
        with pytest.raises(tfseq.InputError, match=message):
            task.export(tmp_path / "egg", **SETTINGS[other])
    with pytest.raises((tfseq.InputError, ValueError), match=f"`{name}`"):
        task.export(tmp_path / "egg", **{name: -1})
    assert [p.name for p in (tmp_path / "egg").iterdir()] == ["5"]
