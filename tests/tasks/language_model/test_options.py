"""The options of a training run, and which of them a resumed run may change."""

import dataclasses
import json
import os
import re

import pytest
from tfseq.tasks.supervised import supervised_options

from tfseq.errors import InputError
from tfseq.options.rules import check_options
from tfseq.options.saving import to_json
from tfseq.tasks.forecasting import options as forecast_options
from tfseq.tasks.forecasting.options import ForecastOptions
from tfseq.tasks.language_model.options import (
    TrainingOptions,
    check_same_run,
    parse_training_options,
    read_saved_options,
)
from tfseq.tasks.tagging.options import TaggerOptions
from tfseq.tasks.text_classification.options import TextClassifierOptions


@pytest.fixture
def run_dir(tmp_path):
    """A run as it is saved: every option with its value."""
    options = TrainingOptions(units=7, cell="lstm", dropout=0.25, epochs=2, optimizer="sgd")
    (tmp_path / "config.json").write_text(json.dumps(to_json(options.with_defaults_filled())))
    return tmp_path


def test_defaults_keep_their_own_rules():
    check_options(TrainingOptions())
    check_options(TrainingOptions().with_defaults_filled())


def test_defaults_that_depend_on_the_optimizer(capsys):
    """They are what `--help` says they are; SGD's are the textbook's."""
    names = ("dropout", "embedding_size", "learning_rate", "learning_rate_decay")

    def filled(**given):
        options = TrainingOptions(**given).with_defaults_filled()
        assert options.with_defaults_filled() == options
        check_options(options)
        return [getattr(options, name) for name in names]

    assert filled(optimizer="sgd") == [0, 0, 1, 1]
    assert filled(optimizer="sgd", learning_rate=0.1) == [0, 0, 0.1, 1]
    usual = filled(optimizer="adam")
    assert filled(optimizer="adamw") == filled() == usual
    assert filled(dropout=0.0, embedding_size=0) == [0, 0, *usual[2:]]
    with pytest.raises(SystemExit):
        parse_training_options(["--help"])
    text = " ".join(re.sub("[^ -~]", " ", capsys.readouterr().out).split())
    for value, with_sgd in zip(usual, [0, 0, 1, 1], strict=True):
        assert f"left out, {value:g}, or {with_sgd} with sgd" in text


def test_a_tied_table_is_as_wide_as_the_units():
    options = TrainingOptions(tie_embeddings=True, units=48).with_defaults_filled()
    assert options.embedding_size == 48
    with pytest.raises(InputError, match=r"Received: --embedding-size 0, --units 48\."):
        TrainingOptions(tie_embeddings=True, units=48, embedding_size=0).with_defaults_filled()


def test_from_the_command_line():
    words = (
        "--corpus time_machine --normalization letters --validation-fraction 0 --max-tokens 10000 "
        "--batch-size 32 --num-steps 35 --units 256 --optimizer sgd --learning-rate 1 "
        "--clip-norm 1 --epochs 500 --sampling sequential --min-frequency 2 --tokenizer word "
        "--num-layers 2 --dropout 0.5 --seed 3 --run-dir a --export-dir b --cell rnn"
    )
    assert parse_training_options(words.split()) == TrainingOptions(
        corpus="time_machine",
        normalization="letters",
        validation_fraction=0,
        max_tokens=10000,
        batch_size=32,
        num_steps=35,
        units=256,
        optimizer="sgd",
        learning_rate=1.0,
        clip_norm=1.0,
        epochs=500,
        sampling="sequential",
        min_frequency=2,
        tokenizer="word",
        num_layers=2,
        dropout=0.5,
        seed=3,
        run_dir="a",
        export_dir="b",
        cell="rnn",
    )


def test_wrong_values_all_at_once():
    with pytest.raises(InputError) as caught:
        parse_training_options(["--units=-3", "--dropout=1.7", "--clip-norm=0", "--seed=-1"])
    assert str(caught.value).splitlines() == [
        "`units` must be a positive integer, at most 65536. Received: -3.",
        "`dropout` must be at least 0 and less than 1. Received: 1.7.",
        "`clip_norm` must be a positive finite number. Received: 0.0.",
        "`seed` must be an integer from 0 to 2**31 - 1. Received: -1.",
    ]


def test_clipping_can_be_switched_off():
    assert parse_training_options(["--clip-norm", "None"]).clip_norm is None


def test_saved_options(run_dir):
    saved = read_saved_options(run_dir)
    assert (saved.units, saved.cell, saved.learning_rate) == (7, "lstm", 1.0)


@pytest.mark.parametrize("flag", ["--run-dir {}", "--run-dir={}", "--config {}/config.json"])
def test_resume_takes_what_is_left_out_from_the_run(run_dir, flag):
    more = ["--run-dir", str(run_dir)] if "config" in flag else []
    words = [*flag.format(run_dir).split(), *more, "--resume", "--epochs=9"]
    options = parse_training_options(words)
    assert (options.units, options.cell, options.dropout) == (7, "lstm", 0.25)
    assert (options.epochs, options.resume, options.run_dir) == (9, True, str(run_dir))
    check_same_run(read_saved_options(run_dir), options)


def test_resume_with_a_file_that_names_the_run(run_dir, tmp_path):
    path = tmp_path / "options.json"
    path.write_text(json.dumps({"run_dir": str(run_dir), "epochs": 4}))
    options = parse_training_options(["--config", str(path), "--resume"])
    assert (options.units, options.epochs, options.resume) == (7, 4, True)


@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_a_file_that_can_be_read_once(more, run_dir):
    """As the shell makes of `--config <(command)`."""
    reads, writes = os.pipe()
    with open(reads) as source:
        with open(writes, "w") as sink:
            json.dump({"run_dir": str(run_dir), "epochs": 4}, sink)
        words = [f"--config=/dev/fd/{source.fileno()}", *more]
        options = parse_training_options(words)
    assert (options.epochs, options.run_dir) == (4, str(run_dir))
    assert options.units == (7 if more else 256)


def test_resume_without_a_run(tmp_path):
    with pytest.raises(InputError, match="`--resume` needs `--run-dir`"):
        parse_training_options(["--resume"])
    with pytest.raises(InputError, match=r"is not a run: it has no config\.json"):
        parse_training_options(["--resume", "--run-dir", str(tmp_path / "nowhere")])


def test_help_is_given_even_with_resume(capsys):
    with pytest.raises(SystemExit) as leaving:
        parse_training_options(["--resume", "--help"])
    assert leaving.value.code == 0
    assert "--learning-rate-decay" in capsys.readouterr().out


def another(value):
    """A value of the same field that differs."""
    if isinstance(value, bool):
        return not value
    return "another" if value is None or isinstance(value, str) else value + 1


# Each of these has a say in the weights: a run that goes on with another is another run.
HELD = """tokenizer normalization case_fold min_frequency max_vocabulary max_tokens
    validation_fraction cell units num_layers dropout embedding_size tie_embeddings sampling
    batch_size num_steps optimizer learning_rate learning_rate_decay weight_decay clip_norm
    seed""".split()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(TrainingOptions)])
def test_what_a_resumed_run_may_change(name):
    saved = TrainingOptions().with_defaults_filled()
    before = getattr(saved, name)
    options = dataclasses.replace(saved, **{name: another(before)})
    if name not in HELD:
        check_same_run(saved, options)
        return
    with pytest.raises(InputError) as caught:
        check_same_run(saved, options)
    flag = "--" + name.replace("_", "-")
    assert f"{flag} was {before!r} and is now {another(before)!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("options_type", "free"),
    [
        (TextClassifierOptions, supervised_options.FREE_ON_RESUME),
        (TaggerOptions, supervised_options.FREE_ON_RESUME),
        (ForecastOptions, supervised_options.FREE_ON_RESUME | forecast_options.FREE_ON_RESUME),
    ],
)
def test_free_options_of_the_other_models_are_options_that_have_no_say(options_type, free):
    names = {field.name for field in dataclasses.fields(options_type)}
    held = {"batch_size", "optimizer", "learning_rate", "learning_rate_decay", "weight_decay"}
    held |= {"clip_norm", "seed", "cell", "units", "num_layers", "dropout", "validation_fraction"}
    held |= {"test_fraction"}
    assert free <= names
    assert held <= names - free


def test_all_that_differs_is_named():
    with pytest.raises(InputError) as caught:
        check_same_run(TrainingOptions(), TrainingOptions(units=8, cell="rnn", epochs=99))
    message = str(caught.value)
    assert "--units was 256 and is now 8" in message
    assert "--cell was 'gru' and is now 'rnn'" in message
    assert "epochs" not in message
