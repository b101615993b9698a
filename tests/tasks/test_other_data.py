"""A trained model measured on other data, and the scripts that measure and export any model."""

import csv
import itertools
import os

import numpy as np
import pytest
from pipeline_scripts import script
from small_tasks import KINDS, TAGS, WORDS, write_data

import tfseq


def labelled_texts(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def tagged_sentences(path):
    blocks = [block.split("\n") for block in path.read_text().strip().split("\n\n")]
    rows = [[line.split() for line in block] for block in blocks]
    return [[token for token, _ in row] for row in rows], [[tag for _, tag in row] for row in rows]


def expected_of(task, kind, path):
    """What one of `evaluate`'s metrics must be, from the model's own answers, one by one."""
    if kind == "language_model":
        return "perplexity", task.score(path.read_text()).perplexity
    if kind == "text_classification":
        texts, labels = labelled_texts(path)
        found = [row[0][0] for row in task.predict(texts)]
        return "accuracy", np.mean([a == b for a, b in zip(found, labels, strict=True)])
    sentences, tags = tagged_sentences(path)
    found = itertools.chain(*(row.tags for row in task.predict(sentences)))
    pairs = zip(found, itertools.chain(*tags), strict=True)
    return "accuracy", np.mean([a == b for a, b in pairs])


@pytest.mark.everyday(1)
@pytest.mark.parametrize("kind", ["language_model", "text_classification", "tagging"])
def test_all_of_another_file_is_measured(trained, kind, tmp_path):
    task, path = trained(kind), write_data(kind, tmp_path, seed=9)
    name, value = expected_of(task, kind, path)
    result = task.evaluate(path)
    assert result[name] == pytest.approx(value, rel=1e-5)
    assert result[name] != pytest.approx(task.evaluate()[name], rel=1e-3)
    if kind == "language_model":
        assert result["num_tokens"] == len(path.read_text()) - 1
    elif kind == "text_classification":
        assert result["num_targets"] == 60
    else:
        assert result["num_targets"] == sum(map(len, tagged_sentences(path)[0]))


def test_all_of_another_series_is_forecast(trained, tmp_path):
    task, path = trained("forecasting"), write_data("forecasting", tmp_path, seed=9, size=40)
    values = np.loadtxt(path, delimiter=",", skiprows=1)
    starts = range(6, 40 - 4 + 1)
    errors = np.array([task.predict(values[:t][-6:]) - values[t : t + 4] for t in starts])
    result = task.evaluate(path)
    assert list(result) == ["up", "down"]
    for c, of in enumerate(result.values()):
        off = errors[..., c]
        assert of == pytest.approx(
            {
                "rmse_one_step": np.sqrt(np.mean(off[:, 0] ** 2)),
                "rmse_horizon": np.sqrt(np.mean(off[:, -1] ** 2)),
                "rmse": np.sqrt(np.mean(off**2)),
                "mase": np.mean(np.abs(off)) / task.mase_scale[c],
            },
            rel=1e-4,
        )
    short = write_data("forecasting", tmp_path, seed=9, size=9)
    with pytest.raises(tfseq.InputError, match=r"at least 10 steps.*Received: 9"):
        task.evaluate(short)


def test_the_training_split_of_a_language_model(trained):
    task = trained("language_model")
    corpus = task.encode()
    result = task.evaluate(split="train")
    assert result["num_tokens"] == len(corpus.train) - 1
    text = "".join(task.vocabulary.tokens[i] for i in corpus.train)
    assert result["perplexity"] == pytest.approx(task.score(text).perplexity, rel=1e-5)


@pytest.mark.parametrize("kind", ["text_classification", "tagging"])
def test_labels_that_the_run_does_not_know(trained, kind, tmp_path):
    task, known = trained(kind), tuple(WORDS) if kind == "text_classification" else TAGS
    name = "labels" if kind == "text_classification" else "tags"
    path = write_data(kind, tmp_path, **{name: (*known, "never", "nor")})
    with pytest.raises(tfseq.InputError) as caught:
        task.evaluate(path)
    assert str(caught.value) == (
        "data has labels that the run does not know: 'never', 'nor'. It knows "
        f"{', '.join(map(repr, sorted(known)))}."
    )


def test_a_column_that_is_not_there(trained, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("up,left\n" + "1,2\n3,4\n" * 20)
    with pytest.raises(tfseq.InputError, match=r"no column 'down'"):
        trained("forecasting").evaluate(path)


def test_its_own_data_may_not_have_changed(copied, kind):
    task = tfseq.load(copied)
    path = task.options.corpus if kind == "language_model" else task.options.data
    with open(path) as file:
        before = file.read()
    first, *lines = before.splitlines()
    with open(path, "w") as file:
        file.write(f"{before} egg" if kind == "language_model" else "\n".join([first, *lines[:-3]]))
    try:
        with pytest.raises(tfseq.InputError, match="is not the one that the run"):
            task.evaluate()
    finally:
        with open(path, "w") as file:
            file.write(before)
    task.evaluate()


@pytest.mark.everyday(1)
def test_evaluate_model(trained, kind, tmp_path):
    task, run_dir = trained(kind), f"--run-dir={trained(kind).directory}"
    own = script("evaluate_model", run_dir, cwd=tmp_path).stdout
    assert own == task.describe(task.evaluate()) + "\n"
    path = write_data(kind, tmp_path, seed=9)
    other = task.describe(task.evaluate(path)) + "\n"
    for option in ("--data", "--corpus"):
        assert script("evaluate_model", run_dir, option, path, cwd=tmp_path).stdout == other
    assert other != own
    if kind != "language_model":
        done = script("evaluate_model", run_dir, "--split=train", cwd=tmp_path, expected=2)
        assert "error: `--split` cannot be used here: " in done.stderr


SETTINGS = dict(
    zip(KINDS, ("max-new-tokens=12", "num-labels=2", "max-length=7", "max-horizon=9"), strict=True)
)


@pytest.mark.everyday(1)
def test_export_model(trained, kind, one_loader, tmp_path):
    run_dir = f"--run-dir={trained(kind).directory}"
    exported = tmp_path / "exported"
    (exported / "egg" / "4").mkdir(parents=True)
    more = [f"--export-dir={exported}", "--name=egg", "--keep-versions=1", f"--{SETTINGS[kind]}"]
    done = script("export_model", run_dir, *more, cwd=tmp_path)
    assert done.stdout == f"exported    {exported / 'egg' / '5'}\n"
    assert os.listdir(exported / "egg") == ["5"]
    other = SETTINGS["tagging" if kind in ("language_model", "forecasting") else "language_model"]
    done = script("export_model", run_dir, f"--{other}", cwd=tmp_path, expected=2)
    assert f"error: `--{other.split('=')[0]}` cannot be used here: " in done.stderr
    if kind != "language_model":
        done = script("export_model", run_dir, "--format=litert", cwd=tmp_path, expected=2)
        assert "error: `--format` litert is for language models. Received: " in done.stderr
    assert os.listdir(exported) == ["egg"]
