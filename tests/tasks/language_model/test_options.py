"""The options of a training run, and which of them a resumed run may change."""

import dataclasses
import json
import os

import pytest

from tfseq.errors import InputError
from tfseq.options.rules import check_options, free_on_resume
from tfseq.options.run_options import check_same_options, parse_run_options, read_run_options
from tfseq.options.saving import to_json
from tfseq.tasks.language_model.options import LanguageModelOptions


def parse(words):
    return parse_run_options(LanguageModelOptions, words)


@pytest.fixture
def run_dir(tmp_path):
    """A run as it is saved: every option with its value."""
    options = LanguageModelOptions(units=7, cell="lstm", dropout=0.25, epochs=2, optimizer="sgd")
    (tmp_path / "config.json").write_text(json.dumps(to_json(options.with_defaults_filled())))
    return tmp_path


def test_defaults_keep_their_own_rules():
    check_options(LanguageModelOptions())
    check_options(LanguageModelOptions().with_defaults_filled())


def filled(**given):
    options = LanguageModelOptions(**given).with_defaults_filled()
    assert options.with_defaults_filled() == options
    check_options(options)
    return options


def values(options, names):
    return [getattr(options, name) for name in names.split()]


RECIPE = (
    "dropout embedding_size learning_rate learning_rate_decay schedule averaging weight_dropout"
)


def test_what_is_left_out_is_the_presets():
    assert filled() == filled(preset="small")
    assert filled(preset="medium").units > filled().units
    assert filled(dropout=0.0, embedding_size=0).embedding_size == 0
    for flag, tied in (("--tie-embeddings", True), ("--no-tie-embeddings", False)):
        assert parse(["--tokenizer", "word", flag]).tie_embeddings is tied
    large = filled(preset="large", tokenizer="word")
    assert (large.units, large.num_layers, large.embedding_size) == ((1150, 1150, 400), 3, 400)
    assert filled(preset="large", tokenizer="word", num_layers=2).units == 1150
    assert filled(tokenizer="word", units=100).embedding_size == 100
    assert not filled(tokenizer="word", embedding_size=50).tie_embeddings
    assert filled(cell="min_gru").weight_dropout == 0 < filled(cell="lstm").weight_dropout
    assert filled(schedule="exponential").learning_rate_decay == 0.83
    assert filled(learning_rate_decay=0.9).schedule == "exponential"
    assert filled(schedule="one_cycle", epochs=10).warmup_epochs() == 3
    assert filled().warmup_epochs() == 0.5
    assert filled().input_dropout < filled().dropout
    assert filled(dropout=0.4).input_dropout is None
    medium = values(filled(preset="medium"), "clip_norm weight_decay decay_biases")
    assert medium == [0.25, 0.02, False]
    assert values(filled(), "clip_norm weight_decay decay_biases") == [1.0, None, True]
    assert filled(preset="medium", clip_norm=None, optimizer="adamw").clip_norm is None
    assert filled(preset="medium", optimizer="adamw").weight_decay is None


def test_plain_gradient_descent_is_the_textbooks():
    textbook = [0, 0, 1, 1, "constant", "none", 0]
    assert values(filled(optimizer="sgd"), RECIPE) == textbook
    assert values(filled(preset="textbook"), RECIPE) == textbook
    assert filled(optimizer="sgd").epochs == filled().epochs
    assert filled(optimizer="sgd", learning_rate=0.1).learning_rate == 0.1
    assert filled(optimizer="sgd", momentum=0.9).learning_rate == pytest.approx(0.1)


def test_a_run_of_before_there_were_presets_keeps_its_recipe(run_dir):
    saved = json.loads((run_dir / "config.json").read_text())
    new = "preset schedule warmup averaging dropout_mask embedding_dropout weight_dropout".split()
    old = {name: value for name, value in saved.items() if name not in new}
    (run_dir / "config.json").write_text(json.dumps(old))
    options = read_run_options(LanguageModelOptions, run_dir).with_defaults_filled()
    assert values(options, " ".join(new[1:])) == ["exponential", 0, "none", "step", 0, 0]


def test_a_tied_table_is_as_wide_as_the_units():
    options = LanguageModelOptions(tie_embeddings=True, units=48).with_defaults_filled()
    assert options.embedding_size == 48
    with pytest.raises(InputError, match=r"Received: `embedding_size` 0, `units` 48\."):
        LanguageModelOptions(tie_embeddings=True, units=48, embedding_size=0).with_defaults_filled()


def test_a_size_for_each_layer(tmp_path):
    options = parse("--units 24 16 12 --tie-embeddings".split()).with_defaults_filled()
    assert (options.units, options.num_layers, options.embedding_size) == ((24, 16, 12), 3, 12)
    (tmp_path / "config.json").write_text(json.dumps({**to_json(options), "run_dir": "a"}))
    saved = read_run_options(LanguageModelOptions, tmp_path)
    assert saved == dataclasses.replace(options, run_dir="a")
    check_same_options(saved, parse(["--run-dir", str(tmp_path), "--resume"]))
    with pytest.raises(InputError, match=r"`units` was \(24, 16, 12\) and is now 24"):
        check_same_options(saved, dataclasses.replace(saved, units=24))
    same = parse("--units 24 24 --num-layers 2".split()).with_defaults_filled()
    assert (same.units, same.num_layers) == (24, 2)
    with pytest.raises(InputError, match="`num_layers` must be 2, the number of sizes in `units`"):
        parse("--units 24 16 --num-layers 3".split()).with_defaults_filled()
    for words in ("--units 24 0", "--units 24 16.5", "--units"):
        with pytest.raises((InputError, SystemExit)):
            parse(words.split())


def test_from_the_command_line():
    words = (
        "--corpus time_machine --normalization letters --validation-fraction 0 --max-tokens 10000 "
        "--batch-size 32 --num-steps 35 --units 256 --optimizer sgd --learning-rate 1 "
        "--clip-norm 1 --epochs 500 --sampling sequential --min-frequency 2 --tokenizer word "
        "--num-layers 2 --dropout 0.5 --seed 3 --run-dir a --export-dir b --cell rnn"
    )
    assert parse(words.split()) == LanguageModelOptions(
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
        parse(["--units=-3", "--dropout=1.7", "--clip-norm=0", "--seed=-1"])
    assert str(caught.value).splitlines() == [
        "`clip_norm` must be a positive finite number. Received: 0.0.",
        "`seed` must be an integer from 0 to 2**31 - 1. Received: -1.",
        "`units` must be a positive integer, at most 65536, or several, one for each layer. "
        "Received: -3.",
        "`dropout` must be at least 0 and less than 1. Received: 1.7.",
    ]


def test_clipping_can_be_switched_off():
    assert parse(["--clip-norm", "None"]).clip_norm is None


def test_saved_options(run_dir):
    saved = read_run_options(LanguageModelOptions, run_dir)
    assert (saved.units, saved.cell, saved.learning_rate) == (7, "lstm", 1.0)


@pytest.mark.parametrize("flag", ["--run-dir {}", "--run-dir={}", "--config {}/config.json"])
def test_resume_takes_what_is_left_out_from_the_run(run_dir, flag):
    more = ["--run-dir", str(run_dir)] if "config" in flag else []
    words = [*flag.format(run_dir).split(), *more, "--resume", "--epochs=9"]
    options = parse(words)
    assert (options.units, options.cell, options.dropout) == (7, "lstm", 0.25)
    assert (options.epochs, options.resume, options.run_dir) == (9, True, str(run_dir))
    check_same_options(read_run_options(LanguageModelOptions, run_dir), options)


def test_resume_with_a_file_that_names_the_run(run_dir, tmp_path):
    path = tmp_path / "options.json"
    path.write_text(json.dumps({"run_dir": str(run_dir), "epochs": 4}))
    options = parse(["--config", str(path), "--resume"])
    assert (options.units, options.epochs, options.resume) == (7, 4, True)


@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_a_file_that_can_be_read_once(more, run_dir):
    """As the shell makes of `--config <(command)`."""
    reads, writes = os.pipe()
    with open(reads) as source:
        with open(writes, "w") as sink:
            json.dump({"run_dir": str(run_dir), "epochs": 4}, sink)
        words = [f"--config=/dev/fd/{source.fileno()}", *more]
        options = parse(words)
    assert (options.epochs, options.run_dir) == (4, str(run_dir))
    assert options.units == (7 if more else None)


def test_resume_without_a_run(tmp_path):
    with pytest.raises(InputError, match="`resume` needs `run_dir`"):
        parse(["--resume"])
    with pytest.raises(InputError, match=r"nowhere is not a directory"):
        parse(["--resume", "--run-dir", str(tmp_path / "nowhere")])
    with pytest.raises(InputError, match=r"is not a run: it has no config\.json"):
        parse(["--resume", "--run-dir", str(tmp_path)])


def test_help_is_given_even_with_resume(capsys):
    with pytest.raises(SystemExit) as leaving:
        parse(["--resume", "--help"])
    assert leaving.value.code == 0
    assert "--learning-rate-decay" in capsys.readouterr().out


def another(value):
    """A value of the same field that differs."""
    if isinstance(value, bool):
        return not value
    return "another" if value is None or isinstance(value, str) else value + 1


# Each of these has a say in the weights: a run that goes on with another is another run.
HELD = """tokenizer vocabulary_size normalization case_fold line_ends min_frequency max_vocabulary
    max_tokens validation_fraction test_fraction preset cell units num_layers dropout embedding_size
    tie_embeddings sampling batch_size num_steps optimizer learning_rate learning_rate_decay
    schedule warmup final_rate weight_decay clip_norm momentum decay_biases averaging ema_decay
    averaging_interval accumulate precision recompute_steps skip_connections residual feed_forward
    window_lengths state_reset seed dropout_mask input_dropout layer_dropout output_dropout
    embedding_dropout weight_dropout recurrent_dropout zoneout activation_regularization
    temporal_activation_regularization label_smoothing init_from init_vocabulary word_vectors
    freeze_embeddings unfreeze_epochs layer_rate_factor documents split
    softmax num_sampled cutoffs""".split()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(LanguageModelOptions)])
def test_what_a_resumed_run_may_change(name):
    saved = LanguageModelOptions(schedule="constant").with_defaults_filled()
    before = getattr(saved, name)
    options = dataclasses.replace(saved, **{name: another(before)})
    assert (name in HELD) != (name in free_on_resume(LanguageModelOptions))
    if name not in HELD:
        check_same_options(saved, options)
        return
    with pytest.raises(InputError) as caught:
        check_same_options(saved, options)
    assert f"`{name}` was {before!r} and is now {another(before)!r}" in str(caught.value)


def test_all_that_differs_is_named():
    with pytest.raises(InputError) as caught:
        check_same_options(filled(), filled(units=8, cell="rnn", epochs=99))
    message = str(caught.value)
    assert f"`units` was {filled().units} and is now 8" in message
    assert "`cell` was 'lstm' and is now 'rnn'" in message
    assert "epochs" not in message
