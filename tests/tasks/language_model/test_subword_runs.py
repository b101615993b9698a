"""Runs with subwords: learned from the training text alone, kept, taken up again, measured."""

import dataclasses
import math
import shutil
import sys

import numpy as np
import pytest
from small_tasks import options_of
from stopping import stopping

import tfseq
from tfseq.tasks.subwords import spread
from tfseq.tasks.training import PREPARATIONS

# A run is trained first.
pytestmark = pytest.mark.slow

TEXT = "The time machine, a light year in 直升机.\n\n  Naïve ▁time\t" * 30


def subword_options(place, **changes):
    options = options_of("language_model", place, tokenizer="subword", **changes)
    (place / "data.txt").write_text(changes.pop("text", TEXT))
    return options


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("subwords")
    lines = []
    options = subword_options(place, vocabulary_size=300, test_fraction=0.1)
    return tfseq.train(options, log=lines.append), "\n".join(lines)


def size_of(text):
    return {"characters": len(text), "bytes": len(text.encode())}


def splits_of(text):
    cut = len(text) // 10
    return {"validation": text[len(text) - 2 * cut : len(text) - cut], "test": text[-cut:]}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_bits_of_characters_and_bytes(trained, split):
    """All bits of the split's tokens, divided among the characters that Python counts."""
    task, told = trained
    metrics, figures = task.metrics, task.evaluate(split=split)
    number = {"validation": metrics["validation_tokens"]}.get(split, metrics.get("test_tokens"))
    total = number * math.log2(metrics[f"{split}_perplexity"])
    for part, size in size_of(splits_of(TEXT)[split]).items():
        assert figures[f"num_{part}"] == size
        expected = pytest.approx(total / size, rel=1e-5)
        assert metrics[f"{split}_bits_per_{part.removesuffix('s')}"] == expected
        assert figures[f"bits_per_{part.removesuffix('s')}"] == expected
        assert f"{total / size:.3f} per {part.removesuffix('s')}" in told
    assert f"{split} perplexity" in told
    assert "per subword" in told


def test_the_bits_of_counts_are_of_the_same_text(trained):
    metrics = trained[0].metrics
    size = len(splits_of(TEXT)["validation"].encode())
    total = metrics["validation_tokens"] * math.log2(metrics["baseline_perplexity"])
    assert metrics["baseline_bits_per_byte"] == pytest.approx(total / size)


def test_the_pieces_are_those_of_the_training_text(tmp_path):
    """What is in the other splits alone is bytes."""
    text = "the time machine " * 60 + "zebra " * 19 + "quagga " * 19
    options = subword_options(tmp_path, vocabulary_size=282, test_fraction=0.1)
    (tmp_path / "data.txt").write_text(text)
    training = PREPARATIONS.find("language_model")(options)
    assert not {"z", "q", "b", "g"} & set(training.task.tokenizer.tokens)
    assert {" time", " machine"} <= set(training.task.tokenizer.tokens)


def test_a_run_is_loaded_without_sentencepiece(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    task, (again) = trained[0], tfseq.load(trained[0].directory)
    assert again.tokenizer.tokens == task.tokenizer.tokens
    assert again.tokenizer.model == (task.directory / "subwords.model").read_bytes()
    texts = ["The ▁time \r\n直猫", "a"]
    assert again.score(texts)[0].log_probability == task.score(texts)[0].log_probability
    completion = again.generate("The", 10, temperature=0.0).completion
    assert completion == task.generate("The", 10, temperature=0.0).completion


class StopError(BaseException):
    """Stands for a kill."""


def test_a_run_that_is_killed_ends_as_one_that_is_not(tmp_path, monkeypatch):
    """It goes on with the pieces it began with, and learns none again."""
    prepare, ends = PREPARATIONS.find("language_model"), []
    usual = {
        "epochs": 1,
        "vocabulary_size": 300,
        "checkpoint_seconds": 0.0,
        "batch_size": 32,
        "num_steps": 5,
    }
    for name, step in (("whole", None), ("cut", 2)):
        (tmp_path / name).mkdir()
        options = subword_options(tmp_path / name, **usual)
        training = prepare(options)
        if step is not None:
            with pytest.raises(StopError):
                stopping(training.run, step, StopError()).fit()
            monkeypatch.setitem(sys.modules, "sentencepiece", None)
            training = prepare(dataclasses.replace(options, resume=True))
        training.run.fit()
        ends.append(training.run.model.get_weights())
        assert training.run.trainer.progress.step > 3
        assert training.run.trainer.step_kind == "compiled in halves"
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_is_damaged_is_named(trained, tmp_path):
    place = shutil.copytree(trained[0].directory, tmp_path / "copy")
    (place / "subwords.model").write_bytes(b"\xff")
    with pytest.raises(tfseq.InputError, match=r"is damaged: its subwords\.model cannot be read"):
        tfseq.load(place)


def test_a_size_that_is_left_out_is_what_the_text_allows(tmp_path):
    options = subword_options(tmp_path)
    training = PREPARATIONS.find("language_model")(options)
    chosen = len(training.task.vocabulary)
    with pytest.raises(tfseq.InputError, match=f"`vocabulary_size` must be at most {chosen} "):
        PREPARATIONS.find("language_model")(dataclasses.replace(options, vocabulary_size=1000))
    assert not (tmp_path / "language_model").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_frequency": 2}, "`min_frequency` must be left out with the tokenizer subword"),
        ({"max_vocabulary": 500}, "`max_vocabulary` must be left out with the tokenizer subword"),
        ({"line_ends": True}, "`line_ends` must be left out with the tokenizer subword"),
        ({"vocabulary_size": 200}, "`vocabulary_size` must be an integer from 270 to 1000000"),
        ({"subword_model": "data.txt"}, "`subword_model`: .* must be a SentencePiece model"),
        ({"subword_model": "none"}, "`subword_model`: .*No such file"),
        ({"subword_model": "a", "vocabulary_size": 300}, "`vocabulary_size` must be left out"),
        ({"tokenizer": "word", "vocabulary_size": 300}, "`vocabulary_size` .*`max_vocabulary`"),
        ({"tokenizer": "char", "subword_model": "a"}, "`subword_model` is of the tokenizer"),
    ],
)
def test_what_does_not_go_together(tmp_path, changes, message):
    if "subword_model" in changes:
        changes = {**changes, "subword_model": str(tmp_path / changes["subword_model"])}
    options = dataclasses.replace(subword_options(tmp_path), **changes)
    with pytest.raises(tfseq.InputError, match=message):
        tfseq.train(options, log=lambda line: None)
    assert not (tmp_path / "language_model").exists()


def test_a_long_text_is_learned_from_in_stretches(monkeypatch):
    from tfseq.tasks import subwords

    monkeypatch.setattr(subwords, "MOST_CHARACTERS", 5)
    monkeypatch.setattr(subwords, "_STRETCH", 2)
    assert "".join(spread(["a", "bcde", "fghijkl"], 12)) == "abgh"
