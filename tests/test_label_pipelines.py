"""The classifier's and the tagger's scripts on small tasks: better than what is simpler."""

import csv
import json
import random
import re

import pytest
from pipeline_scripts import script

from tfseq.options.run_options import parse_run_options
from tfseq.serving import inspect_export
from tfseq.tasks.text_classification.options import TextClassificationOptions
from tfseq.tasks.text_classification.training import prepare

SMALL = "--units=12 --embedding-size=8 --dropout=0 --learning-rate=0.02 --batch-size=16".split()


@pytest.fixture
def orders(tmp_path):
    """Texts whose label is the order of two of their words: their counts say nothing."""
    chance = random.Random(1)
    with open(tmp_path / "orders.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "text"])
        for _ in range(400):
            words = [chance.choice("red green blue".split()) for _ in range(chance.randrange(3))]
            pair = ["dog", "man"]
            chance.shuffle(pair)
            words.insert(chance.randrange(len(words) + 1), f"{pair[0]} bites {pair[1]}")
            writer.writerow([f"{pair[0]} bites", " ".join(words)])
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("not_warmed_up")
def test_a_classifier_learns_the_order_of_words(orders):
    options = ["--data=orders.csv", "--epochs=5", "--report", *SMALL]
    output = script("train_text_classifier", *options, cwd=orders).stdout
    run_dir = orders / "runs" / "orders_gru"
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["test_accuracy"] > 0.97
    assert metrics["test_macro_f1"] > 0.97
    assert set(metrics["baselines"]) == {"most frequent label", "bag of words"}
    assert all(b["accuracy"] < 0.75 for b in metrics["baselines"].values())
    assert [metrics[f"{p}_texts"] for p in ("train", "validation", "test")] == [320, 40, 40]
    assert {p.name for p in run_dir.iterdir()} >= {
        "config.json",
        "vocabulary.txt",
        "labels.json",
        "checkpoints",
        "model.weights.h5",
        "history.csv",
        "curves.png",
        "confusion.png",
        "report.html",
    }
    page = (run_dir / "report.html").read_text()
    assert "bag of words" in page
    assert "man bites" in page
    assert inspect_export(orders / "exported" / "orders_gru" / "1").problems == ()
    row = next(line for line in output.splitlines() if line.startswith("bidirectional GRU"))
    assert row.split()[2:] == [f"{metrics[f'test_{k}']:.3f}" for k in ("accuracy", "macro_f1")]
    # A run that is finished is not trained or exported again.
    again = ["--resume", f"--run-dir={run_dir}"]
    output = script("train_text_classifier", *again, cwd=orders).stdout
    assert "the run is finished" in output
    assert f"exported before, to {orders / 'exported' / 'orders_gru' / '1'}" in output
    assert [p.name for p in (orders / "exported" / "orders_gru").iterdir()] == ["1"]
    assert json.loads((run_dir / "metrics.json").read_text())["baselines"] == metrics["baselines"]


@pytest.mark.slow
def test_a_tagger_learns_from_what_stands_beside(tmp_path):
    """`paris` is a person after `miss` and a place after `in`; unknown names too."""
    chance = random.Random(2)
    names = ["paris", "jackson", "victoria", "sydney"]
    lines = []
    for number in range(300):
        name = chance.choice(names) if chance.random() < 0.8 else f"name{number}"
        person = chance.random() < 0.5
        kind = "PER" if person else "LOC"
        lines += ["miss O" if person else "in O", f"{name} B-{kind}"]
        if chance.random() < 0.4:
            lines += [f"{chance.choice(names)} I-{kind}"]
        lines += ["is O", "here O", ""]
    (tmp_path / "names.conll").write_text("\n".join(lines))
    options = [
        "--data=names.conll",
        "--epochs=5",
        "--report",
        "--run-dir=run",
        "--no-export",
        *SMALL,
    ]
    script("train_tagger", *options, cwd=tmp_path)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test_span_f1"] > 0.97
    assert metrics["test_accuracy"] > 0.97
    assert metrics["test_unknown_accuracy"] > 0.9
    assert all(b["span_f1"] < 0.6 for b in metrics["baselines"].values())
    assert json.loads((tmp_path / "run" / "tags.json").read_text()) == sorted(
        ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    )
    page = (tmp_path / "run" / "report.html").read_text()
    told = re.findall(r': ([\d.]+)( × 10⁻\S+)? bits; ([^"]+)"', page)
    assert len(told) > 100
    for bits, power, note in told:
        bits = 0 if power else float(bits)
        # Of five tags, the one that is predicted has a fifth of the probability at least.
        assert bits > 1 if "taken for" in note else bits < 2.33
    assert not (tmp_path / "exported").exists()


BAD = [
    ("train_text_classifier", ["--data=nowhere.csv"], "error: nowhere.csv cannot be read: No such"),
    ("train_text_classifier", ["--data=one.csv"], "All texts of one have the label 'a'"),
    ("train_text_classifier", ["--data=few.csv"], "2 examples are too few"),
    ("train_text_classifier", ["--test-fraction=1.5"], "above 0 and less than 1"),
    ("train_tagger", ["--data=few.csv"], "few.csv:1: a line must have at least 2 columns"),
    ("train_tagger", ["--data=long.conll"], "long is one sentence, of 60 tokens. Sentences are"),
    ("train_tagger", ["--data=unlike.conll"], "The vocabulary holds only <unk>"),
    ("train_text_classifier", ["--data=two.csv", "--max-vocabulary=1"], "only <unk>"),
    ("train_tagger", ["--resume", "--run-dir=nothing"], "nothing is not a directory"),
]


@pytest.mark.parametrize(("name", "arguments", "words"), BAD)
def test_bad_input_leaves_nothing(name, arguments, words, tmp_path):
    (tmp_path / "one.csv").write_text("text,label\n" + "x,a\n" * 30)
    (tmp_path / "few.csv").write_text("text,label\nx,a\ny,b\n")
    (tmp_path / "two.csv").write_text("text,label\n" + "x,a\ny,b\n" * 30)
    # Every token is there once, and those that are rarer than twice become <unk>.
    (tmp_path / "unlike.conll").write_text("".join(f"w{n} A\nv{n} B\n\n" for n in range(30)))
    (tmp_path / "long.conll").write_text("a A\nb B\n" * 30 + "\n")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert words in script(name, *arguments, cwd=tmp_path, expected=2).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == files


def test_what_was_done_to_labels_is_said(tmp_path, monkeypatch):
    (tmp_path / "boats.csv").write_text("text,label\n" + "x,boat \ny,boat\nz,ship\n" * 10)
    monkeypatch.chdir(tmp_path)
    training = prepare(parse_run_options(TextClassificationOptions, ["--data=boats.csv", *SMALL]))
    assert training.task.labels == ("boat", "ship")
    note = "note   white space at the ends of 10 labels was dropped."
    assert training.summary().splitlines()[3:] == [note]
