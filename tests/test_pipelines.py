"""Every script, end to end, as a person runs it."""

import csv
import gzip
import json
import os
import random
import re
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from pipeline_scripts import PIPELINES, SMALL, script, script_in_a_process, snapshot

import tfseq


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A directory with a text in it, and a run trained on it."""
    place = tmp_path_factory.mktemp("place")
    chance = random.Random(3)
    words = "the time machine of light and year in dark".split()
    text = " ".join(chance.choice(words) for _ in range(900)) + "\n"
    (place / "text.txt").write_text(text)
    with gzip.open(place / "text.jsonl.gz", "wt") as file:
        for start in range(0, len(text), 500):
            file.write(json.dumps({"body": text[start : start + 500]}) + "\n")
    options = ["--corpus=text.txt", "--epochs=4", *SMALL, "--sample-epochs=2"]
    done = script_in_a_process("train_language_model", *options, cwd=place)
    (place / "output.txt").write_text(done.stdout)
    assert done.stderr == ""
    return place


def test_training_leaves_a_complete_run(place):
    run_dir = place / "runs" / "text_lstm"
    names = {p.name for p in run_dir.iterdir()}
    expected = (
        "config.json vocabulary.txt checkpoints model.weights.h5 history.csv metrics.json "
        "samples.txt perplexity.png tensorboard"
    )
    assert names >= set(expected.split())
    assert not list(place.rglob("*.partial*"))
    metrics = json.loads((run_dir / "metrics.json").read_text())
    text = (place / "text.txt").read_text()
    size = len(text)
    assert metrics["corpus_tokens"] == size
    assert metrics["validation_tokens"] == size // 10
    assert metrics["train_tokens"] == size - size // 10
    # The newline stands at the very end: symbols are counted in the training split alone.
    assert metrics["vocabulary_size"] == len(set(text[: size - size // 10])) + 1 == len(set(text))
    assert metrics["tokens_per_second"] > 0
    # Nine words and a space: far below the alphabet's 18, and above the words' own entropy.
    assert 1.3 < metrics["validation_perplexity"] < 2.6
    with open(run_dir / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    perplexities = [float(row["validation_perplexity"]) for row in rows]
    assert min(perplexities) == pytest.approx(metrics["validation_perplexity"])
    assert perplexities[-1] < perplexities[0]
    assert (run_dir / "perplexity.png").read_bytes().startswith(b"\x89PNG")
    assert (place / "exported" / "text_lstm" / "1" / "saved_model.pb").is_file()
    output = (place / "output.txt").read_text()
    assert f"validation perplexity {metrics['validation_perplexity']:.3f}" in output


def test_evaluation_agrees_with_training(place):
    metrics = json.loads((place / "runs" / "text_lstm" / "metrics.json").read_text())
    done = script("evaluate_model", "--run-dir=runs/text_lstm", cwd=place)
    assert f"perplexity  {metrics['validation_perplexity']:.4f} per character" in done.stdout
    assert f"{metrics['validation_tokens']:,} characters predicted" in done.stdout


@pytest.mark.slow
def test_generation_is_seeded_and_begins_with_the_prompt(place):
    arguments = ["--run-dir=runs/text_lstm", "--prompt=the 時 ", "--max-new-tokens=40"]
    both = script("generate_text", *arguments, "--seed=1", "--num-samples=2", cwd=place).stdout
    _, first, second = re.split(r"--- seed \d ---\n", both)
    again = script_in_a_process("generate_text", *arguments, "--seed=2", cwd=place).stdout
    assert second == again != first.removesuffix("\n")
    for text in (first.removesuffix("\n"), second):
        assert text.startswith("the 時 ")
        assert len(text) == len("the 時 ") + 40 + len("\n")


def test_beam_search_gives_the_most_probable_first(place):
    arguments = ["--run-dir=runs/text_lstm", "--prompt=the ", "--max-new-tokens=20"]
    done = script("generate_text", *arguments, "--beam-size=3", cwd=place)
    heads = [line for line in done.stdout.splitlines() if line.startswith("--- log P ")]
    scores = [float(head.split()[3]) for head in heads]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert done.stdout.count("the ") >= 3


@pytest.mark.slow
@pytest.mark.usefixtures("not_warmed_up")
def test_export_takes_the_next_version_and_touches_none(place):
    before = snapshot(place / "exported" / "text_lstm" / "1")
    done = script("export_model", "--run-dir=runs/text_lstm", cwd=place)
    assert str(Path("exported", "text_lstm", "2")) in done.stdout
    assert snapshot(place / "exported" / "text_lstm" / "1") == before
    again = script("export_model", "--run-dir=runs/text_lstm", "--version=2", cwd=place, expected=2)
    assert "2" in again.stderr
    assert sorted(p.name for p in (place / "exported" / "text_lstm").iterdir()) == ["1", "2"]
    outside = script(
        "export_model", "--run-dir=runs/text_lstm", "--name=../out", cwd=place, expected=2
    )
    assert "`--name` must be the name of one directory" in outside.stderr


@pytest.mark.slow
def test_export_for_phones_says_what_eight_bits_cost(place):
    done = script("export_model", "--run-dir=runs/text_lstm", "--format=litert", cwd=place)
    version = place / "exported" / "text_lstm_litert" / "1"
    assert f"exported    {version.relative_to(place)}\n" in done.stdout
    card = json.loads((version / "card.json").read_text(encoding="utf-8"))
    metrics = json.loads((place / "runs" / "text_lstm" / "metrics.json").read_text())
    measured = card["measured"]["float32"]
    assert measured["num_tokens"] == metrics["validation_tokens"]
    assert measured["perplexity"] == pytest.approx(metrics["validation_perplexity"], rel=1e-4)
    assert card["metadata"]["metrics"] == metrics
    for name in ("float32", "int8"):
        perplexity = card["measured"][name]["perplexity"]
        assert re.search(rf"^{name} .* bytes, perplexity {perplexity:.4f} on ", done.stdout, re.M)
    options = ["--run-dir=runs/text_lstm", "--format=litert"]
    wrong = script("export_model", *options, "--beam-size=2", cwd=place, expected=2)
    assert "`--beam-size` cannot be used with `--format` litert." in wrong.stderr
    wrong = script("export_model", *options, "--name=text_lstm", cwd=place, expected=2)
    assert "`--name` must be one of its own for `--format` litert" in wrong.stderr
    assert sorted(p.name for p in version.parent.iterdir()) == ["1"]


def test_inspection_passes_an_export_and_refuses_a_changed_one(place):
    version = place / "exported" / "text_lstm" / "1"
    done = script("inspect_export", version, cwd=place)
    assert "No problem found." in done.stdout
    assert "warm-up requests  18" in done.stdout
    changed = shutil.copytree(version, place / "changed" / "1")
    (changed / "assets" / "vocabulary.txt").write_text("<unk>\n")
    done = script("inspect_export", changed, cwd=place, expected=2)
    assert "assets/vocabulary.txt has another digest" in done.stderr


@pytest.mark.slow
def test_configuration_file_words_and_jsonl(place):
    options = {
        "corpus": "text.jsonl.gz",
        "text_field": "body",
        "tokenizer": "word",
        "cell": "lstm",
        "units": 5,
        "batch_size": 4,
        "num_steps": 8,
        "epochs": 1,
        "run_dir": "words",
        "export": False,
        "report": True,
    }
    (place / "config.json").write_text(json.dumps(options))
    done = script(
        "train_language_model", "--config=config.json", "--units=6", "--verbose=bar", cwd=place
    )
    assert f"report    {Path('words', 'report.html')}" in done.stdout
    assert "Surprisal" in (place / "words" / "report.html").read_text()
    assert "gradient_norm" in done.stdout  # the progress bar
    saved = json.loads((place / "words" / "config.json").read_text())
    assert (saved["units"], saved["cell"], saved["num_steps"]) == (6, "lstm", 8)
    assert not (place / "exported" / "words").exists()


@pytest.mark.slow
def test_chinese_is_written_and_scored_in_whole_characters(tmp_path):
    sentences = (
        "想要有直升机。 想要和你飞到宇宙去。 想要和你融化在一起。 我每天每天都在想想想。".split()
    )
    chance = random.Random(0)
    (tmp_path / "中文.txt").write_text("".join(chance.choice(sentences) for _ in range(250)))
    script(
        "train_language_model",
        "--corpus=中文.txt",
        "--run-dir=chinese",
        "--epochs=12",
        "--no-export",
        *SMALL,
        cwd=tmp_path,
    )
    task = tfseq.load(tmp_path / "chinese")
    written = task.generate("想要", 60, temperature=0.5, seed=4)
    assert len(written.completion) == written.num_tokens == 60
    assert set(written.completion) <= set("".join(sentences))
    assert sum(s in written.text for s in sentences) >= 2
    right, wrong = task.score(["想要有直升机。", "机升直有要想。"])
    assert right.num_tokens == wrong.num_tokens == 6
    assert right.perplexity < wrong.perplexity / 3


@pytest.mark.slow
def test_odd_names_of_runs_and_texts(place):
    (place / "中文 $x^$.txt").write_bytes((place / "text.txt").read_bytes())
    done = script("train_language_model", "--corpus=中文 $x^$.txt", "--epochs=1", *SMALL, cwd=place)
    assert done.stderr == ""
    run_dir = next((place / "runs").glob("中文*"))
    again = script("train_language_model", "--resume", "--run-dir", run_dir, cwd=place)
    assert "the run is finished" in again.stdout
    assert "exported before, to " in again.stdout
    assert [p.name for p in next((place / "exported").glob("中文*")).iterdir()] == ["1"]


def test_a_text_that_changed_is_not_measured_as_the_run_s_own(place):
    text = place / "text.txt"
    before = text.read_text()
    text.write_text(before.replace("light", "night"))
    try:
        done = script("evaluate_model", "--run-dir=runs/text_lstm", cwd=place, expected=2)
    finally:
        text.write_text(before)
    assert "the text is not the one that the run" in done.stderr


def test_export_of_a_run_without_weights(place):
    bare = place / "runs" / "bare"
    bare.mkdir()
    for name in ("config.json", "vocabulary.txt"):
        (bare / name).write_bytes((place / "runs" / "text_lstm" / name).read_bytes())
    done = script("export_model", "--run-dir=runs/bare", cwd=place, expected=2)
    assert "has no weights yet" in done.stderr
    assert not (place / "exported" / "bare").exists()


@pytest.mark.slow
def test_divergence_names_step_norm_and_checkpoint(place):
    done = script(
        "train_language_model",
        "--corpus=text.txt",
        "--run-dir=diverging",
        "--cell=rnn",
        "--optimizer=sgd",
        "--learning-rate=1e38",
        "--clip-norm=1e30",
        "--checkpoint-seconds=0",
        *[o for o in SMALL if "learning" not in o],
        cwd=place,
        expected=2,
    )
    assert "diverged at step" in done.stderr
    assert "gradient norm" in done.stderr
    assert "Last good checkpoint" in done.stderr
    assert not (place / "diverging" / "metrics.json").exists()


@pytest.mark.slow
def test_a_prompt_that_is_not_utf8_gives_what_the_export_gives(place):
    """Its bad bytes are one U+FFFD each in both."""
    prompt = b"the \xff time\xe9"
    settings = {"max_new_tokens": 30, "temperature": 0.7, "seed": 3}
    given = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    done = script(
        "generate_text", "--run-dir=runs/text_lstm", "--prompt", os.fsdecode(prompt), *given,
        cwd=place,
    )  # fmt: skip
    export = tf.saved_model.load(str(place / "exported" / "text_lstm" / "1"))
    answer = export.signatures["generate"](
        prompt=tf.constant([prompt]),
        max_new_tokens=tf.constant([settings["max_new_tokens"]]),
        temperature=tf.constant([settings["temperature"]]),
        top_k=tf.constant([0]),
        top_p=tf.constant([1.0]),
        seed=tf.constant([settings["seed"]], tf.int64),
    )
    (text,) = answer["text"].numpy()
    assert text.startswith("the \ufffd time\ufffd".encode())
    assert done.stdout == text.decode() + "\n"


@pytest.mark.slow
def test_a_run_below_the_home_directory(place, monkeypatch):
    """Every script finds it by its `~`, which no shell has replaced."""
    monkeypatch.setenv("HOME", str(place))
    run_dir = "--run-dir=~/runs/text_lstm"
    told = script("evaluate_model", run_dir, "--corpus=~/text.txt", cwd="/").stdout
    assert told == script(
        "evaluate_model", "--run-dir=runs/text_lstm", "--corpus=text.txt", cwd=place
    ).stdout.replace(" text.txt", f" {place}/text.txt")
    assert script("generate_text", run_dir, "--max-new-tokens=3", cwd="/").stdout
    versions = os.listdir(place / "exported" / "text_lstm")
    resumed = script("train_language_model", "--resume", run_dir, cwd="/").stdout
    assert "the run is finished; nothing is left to train" in resumed
    assert os.listdir(place / "exported" / "text_lstm") == versions
    script("inspect_export", "~/exported/text_lstm/1", cwd="/")


@pytest.mark.everyday(3)
@pytest.mark.parametrize("path", sorted(PIPELINES.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_help(path, tmp_path):
    assert "--help" in script_in_a_process(path.stem, "--help", cwd=tmp_path).stdout
