"""What a forecaster's run makes of a series before it trains, and what it refuses."""

import contextlib
import re

import numpy as np
import pytest
from series_runs import make_training, seasonal, write

import tfseq


def test_a_column_of_row_numbers_is_left_out_and_named(tmp_path):
    write(tmp_path / "a.csv", seasonal(160))
    training = make_training(f"--data={tmp_path / 'a.csv'}", f"--run-dir={tmp_path / 'run'}")
    assert training.series.columns == training.task.labels == ("up", "down")
    note = "note   left out: day (row numbers or times, which are taken only by name)."
    assert training.summary().splitlines()[3:] == [note]


def test_the_best_epoch_is_chosen_in_the_validation_split(tmp_path):
    """Before any step the model is the naive forecast, whose error there is plain."""
    values = seasonal(200)
    write(tmp_path / "a.csv", values)
    training = make_training(
        f"--data={tmp_path / 'a.csv'}",
        "--columns=up,down",
        "--validation-fraction=0.2",
        "--test-fraction=0.3",
        "--run-dir=never",
    )
    off = [values[t - 1] - values[t : t + 6] for t in range(100, 140 - 6 + 1)]
    expected = np.mean(np.square(off / values[:100].std(axis=0)))
    metrics = training.run.trainer.objective.validate()
    assert metrics["validation_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a series, where the process stands."""
    place = tmp_path_factory.mktemp("series")
    write(place / "sales.csv", seasonal())
    with contextlib.chdir(place):
        yield place


BAD = {
    "exact season": (["--data=exact.csv", "--season=6"], "'a' repeats itself exactly in the train"),
    "no file": (["--data=nowhere.csv"], "nowhere.csv cannot be read"),
    "unknown column": (["--columns=up,upp"], "has no column 'upp'; it has day, up, down. Did you"),
    "same column twice": (["--columns=up,up"], "`columns` must be different names"),
    "too many lags": (["--lookback=900"], r"`lookback` 900 and `horizon` 6 need 906\. Lower"),
    "no test": (["--test-fraction=0"], "`test_fraction` must be above 0 and less than 1"),
    "no training": (["--test-fraction=0.6", "--validation-fraction=0.5"], "0 of them to train on"),
    "long season": (["--season=336"], "`season` must be less than the 336 steps"),
    "season of one": (["--season=1"], "`season` must be an integer, at least 2"),
    "feedback": (["--feedback-steps=7"], "`feedback_steps` must not be more than `horizon`"),
    "constant": (["--data=constant.csv"], "the column 'a' changes too little in the training"),
    "columns without data": (["--data=", "--columns=y"], "`data` must be a path"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error_and_leaves_nothing(case, place):
    arguments, words = BAD[case]
    (place / "constant.csv").write_text("a\n" + "7000000.5\n" * 400)
    (place / "exact.csv").write_text("a\n" + "1\n2\n4\n" * 160)
    before = sorted(place.rglob("*"))
    with pytest.raises(tfseq.InputError, match=words) as error:
        make_training("--data=sales.csv", "--run-dir=bad", *arguments)
    assert len(str(error.value).splitlines()) == 1
    assert sorted(place.rglob("*")) == before


def test_the_built_in_series_has_its_own_season_and_one_column(tmp_path):
    training = make_training(f"--run-dir={tmp_path / 'run'}")
    assert training.task.season == 40
    assert re.match(r"series noisy_sine \(x\): 1,400 steps to train on, 300 to", training.summary())
    with pytest.raises(tfseq.InputError, match="the built-in series has the one column 'x'"):
        make_training(f"--run-dir={tmp_path / 'run'}", "--columns=y")
