"""What `predict`, `evaluate`, `export`, `train` and `load` refuse, each in one sentence."""

import dataclasses
import shutil

import numpy as np
import pytest
from small_tasks import options_of, write_text

import tfseq
from tfseq.options.run_options import parse_run_options


@pytest.mark.parametrize(
    ("values", "received"),
    [
        ("egg", r"numbers \[T, C\] or .*\. Received: 'egg'"),
        (["a", "b"], r"numbers .*\. Received: \['a', 'b'\]"),
        ([[1.0], [1.0, 2.0]], r"numbers .*\. Received: \[\[1\.0\], \[1\.0, 2\.0\]\]"),
        ([1.0, 2.0], r"the shape \(2,\)"),
        (3.0, r"the shape \(\)"),
        (np.zeros([4, 3]), r"the shape \(4, 3\)"),
        (np.zeros([0, 2]), r"the shape \(0, 2\)"),
        (np.zeros([1, 2, 3, 2]), r"the shape \(1, 2, 3, 2\)"),
    ],
)
def test_values_to_forecast_from(trained, values, received):
    with pytest.raises(tfseq.InputError, match=r"^`values` must be .*" + received):
        trained("forecasting").predict(values)


@pytest.mark.parametrize("horizon", [True, 0, -1, 1.5, "3"])
def test_a_horizon(trained, horizon):
    with pytest.raises(tfseq.InputError, match=r"^`horizon` must be a positive integer"):
        trained("forecasting").predict(np.zeros([4, 2]), horizon)


def test_a_horizon_of_numpy(trained):
    assert trained("forecasting").predict(np.zeros([4, 2]), np.int64(3)).shape == (3, 2)


@pytest.mark.parametrize("batch_size", [0, -5, True, 1.5])
def test_a_batch_size(trained, batch_size):
    with pytest.raises(tfseq.InputError, match=r"^`batch_size` must be a positive integer"):
        trained("language_model").evaluate(batch_size=batch_size)


def test_a_split(trained, tmp_path):
    task = trained("language_model")
    with pytest.raises(tfseq.InputError, match=r"^`split` must be one of 'validation', 'train'"):
        task.evaluate(split="tarin")
    with pytest.raises(tfseq.InputError, match=r"^`split` is one of the run's own text"):
        task.evaluate(write_text(tmp_path / "other.txt"), split="train")
    assert task.evaluate(split="validation") == task.evaluate() != task.evaluate(split="train")


def test_a_run_without_validation_split(trained, monkeypatch):
    task = trained("language_model")
    corpus = dataclasses.replace(task.encode(), num_train=len(task.encode().ids))
    monkeypatch.setattr(task, "encode", lambda: corpus)
    with pytest.raises(tfseq.InputError, match=r"has no validation split\. Use `split='train'`"):
        task.evaluate()
    assert task.evaluate(split="train")["num_tokens"] > 100


@pytest.mark.parametrize("numbers", [{"version": -1}, {"version": True}, {"keep_versions": 0}])
def test_versions_of_an_export(trained, tmp_path, numbers):
    (name,) = numbers
    with pytest.raises(tfseq.InputError, match=rf"^`{name}` must be a positive integer"):
        trained("tagging").export(tmp_path / "egg", **numbers)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"epochs": 3}, "egg", None, tfseq.TaggingOptions])
def test_what_are_no_options(wrong):
    with pytest.raises(TypeError, match=r"^`options` must be LanguageModelOptions, .* Received: "):
        tfseq.train(wrong)


def test_a_configuration_file_is_for_scripts(tmp_path):
    (tmp_path / "egg.json").write_text('{"units": 3}')
    options = options_of("tagging", tmp_path, config=str(tmp_path / "egg.json"))
    with pytest.raises(tfseq.InputError, match=r"^`config` is read by the scripts alone; .*egg"):
        tfseq.train(options)
    assert not (tmp_path / "tagging").exists()


def test_scripts_read_it_before_they_train(trained, tmp_path):
    (tmp_path / "egg.json").write_text(f'{{"units": 6, "run_dir": "{tmp_path}/run"}}')
    words = [f"--config={tmp_path}/egg.json"]
    options = parse_run_options(tfseq.TaggingOptions, words)
    assert (options.units, options.config) == (6, None)
    shutil.copytree(trained("tagging").directory, options.run_dir)
    options = parse_run_options(tfseq.TaggingOptions, [*words, "--resume"])
    assert (options.epochs, options.config) == (2, None)


@pytest.mark.parametrize("expected", ["lm", "", 3])
def test_a_task_that_there_is_not(trained, expected):
    with pytest.raises(tfseq.InputError, match=r"^`expected` must be one of language_model, text"):
        tfseq.load(trained("tagging").directory, expected=expected)


def test_a_vocabulary_of_nothing(tmp_path):
    options = options_of("text_classification", tmp_path, min_frequency=1000)
    with pytest.raises(tfseq.InputError, match="Lower `min_frequency`, or raise `max_vocabulary`"):
        tfseq.train(options, log=lambda line: None)
