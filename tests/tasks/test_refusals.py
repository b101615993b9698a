"""What `predict`, `evaluate`, `export`, `train` and `load` refuse, each in one sentence."""

import numpy as np
import pytest
from small_tasks import options_of, write_text

import tfseq


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


def test_a_run_without_validation_split(tmp_path):
    options = options_of("language_model", tmp_path, validation_fraction=0.0, epochs=1)
    task = tfseq.train(options, log=lambda line: None)
    with pytest.raises(tfseq.InputError, match="there is no validation split; use `split='train'`"):
        task.evaluate()
    assert task.evaluate(split="train")["num_tokens"] > 100
