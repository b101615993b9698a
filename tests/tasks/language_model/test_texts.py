"""Splits that are files of their own, in the layouts in which corpora are published."""

import dataclasses
import gzip
import json
import random
from collections import Counter

import numpy as np
import pytest
from small_tasks import COMMON

import tfseq
from tfseq.errors import InputError
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.texts import open_texts, with_splits_named
from tfseq.tasks.language_model.training import prepare

# As the words and the characters of Penn Treebank are published.
WORDS = "mr. <unk> is n't 5.2 u.s. N the of a to company said its".split()
CHARACTERS = [*"consumerswantt____", "<unk>"]
FILES = {"train": 60, "valid": 20, "test": 15}


def write_splits(place, words=WORDS, name="ptb.{}.txt"):
    """Lines with outer spaces, some of them blank; returns each split's tokens, from Python."""
    place.mkdir(exist_ok=True)
    tokens = {}
    for split, size in FILES.items():
        chance = random.Random(split)
        # A word that training does not hold.
        known = words if split == "train" else [*words, "egg"]
        lines = [" ".join(chance.choices(known, k=chance.randrange(12))) for _ in range(size)]
        (place / name.format(split)).write_text("".join(f" {line} \n" for line in lines))
        tokens[split] = [token for line in lines for token in [*line.split(), "<eos>"]]
    return tokens


def options_of(place, corpus, **changes):
    usual = {"tokenizer": "whitespace", "line_ends": True, "sample_epochs": 0, "num_steps": 12}
    usual |= {**COMMON, "export": False, "run_dir": str(place / "run"), "corpus": str(corpus)}
    return LanguageModelOptions(**{**usual, **changes})


@pytest.fixture(scope="module")
def ptb(tmp_path_factory):
    place = tmp_path_factory.mktemp("ptb")
    return place / "data", write_splits(place / "data")


@pytest.fixture(scope="module")
def trained(ptb, tmp_path_factory):
    """A run on a directory, and what it printed."""
    place, lines = tmp_path_factory.mktemp("runs"), []
    return tfseq.train(options_of(place, ptb[0], units=5), lines.append), "\n".join(lines)


def log_probabilities(task, tokens):
    """log P of each token after an `<eos>`, the model stepped by hand from the zero state."""
    id_of = {token: number for number, token in enumerate(task.vocabulary.tokens)}
    ids = [id_of.get(token, 0) for token in tokens]
    states, found = task.model.initial_states(1), []
    for before, after in zip([id_of["<eos>"], *ids], ids, strict=False):
        logits, states = task.model(np.array([[before]]), states=states, return_states=True)
        logits = np.asarray(logits, "float64")[0, 0]
        found.append(logits[after] - np.log(np.exp(logits).sum()))
    return np.array(found)


@pytest.mark.slow
def test_a_file_for_each_split(trained, ptb):
    task, printed = trained
    data, tokens = ptb
    assert "files  train ptb.train.txt, validation ptb.valid.txt, test ptb.test.txt" in printed
    saved = json.loads((task.directory / "config.json").read_text())
    assert [saved[name] for name in ("corpus", "validation", "test")] == [
        str(data / f"ptb.{split}.txt") for split in FILES
    ]
    assert task.vocabulary.tokens[0] == "<unk>"
    assert {*task.vocabulary.tokens} == {*tokens["train"]}
    encoded = task.encode()
    for split, ids in zip(FILES, (encoded.train, encoded.validation, encoded.test), strict=True):
        known = [t if t in task.vocabulary.tokens else "<unk>" for t in tokens[split]]
        assert [task.vocabulary.tokens[i] for i in ids] == known
        # Perplexity of a unigram, from the ids and from the text.
        counts, ours = Counter(known), np.bincount(ids) / len(ids)
        nats = -sum(n * np.log(n / len(known)) for n in counts.values()) / len(known)
        assert -np.mean(np.log(ours[ids])) == pytest.approx(nats)
    metrics = task.metrics
    assert metrics["train_tokens"] == metrics["corpus_tokens"] == len(tokens["train"])
    words = (data / "ptb.test.txt").read_text()
    assert metrics["test_tokens"] == len(words.split()) + words.count("\n")


@pytest.mark.slow
def test_the_test_figure_counts_every_token_after_a_line_end(trained, ptb):
    task, printed = trained
    nats = -log_probabilities(task, ptb[1]["test"]).mean()
    metrics = task.metrics
    assert metrics["test_loss"] == pytest.approx(nats, rel=1e-5)
    assert metrics["test_perplexity"] == pytest.approx(np.exp(nats), rel=1e-5)
    assert metrics["test_bits_per_token"] == pytest.approx(nats / np.log(2), rel=1e-5)
    assert f"test perplexity       {np.exp(nats):.3f} per token" in printed
    validation = -log_probabilities(task, ptb[1]["valid"]).mean()
    assert metrics["validation_loss"] == pytest.approx(validation, rel=1e-5)
    # The same file, as the run's own and as one that the run does not know.
    for again in (task.evaluate(split="test"), task.evaluate(ptb[0] / "ptb.test.txt")):
        assert again["cross_entropy"] == pytest.approx(nats, rel=1e-5)
        assert again["num_tokens"] == metrics["test_tokens"]


@pytest.mark.slow
def test_the_baseline_predicts_the_validation_text_from_its_beginning(trained):
    """The n-grams read `<eos>` before it, not the end of the training text."""
    task, _ = trained
    encoded = task.encode()
    order = task.metrics["baseline_order"]
    ngrams = tfseq.NGramModel(order).fit(np.array(encoded.train), len(task.vocabulary))
    end = task.vocabulary.tokens.index("<eos>")
    expected = ngrams.perplexity(np.array(encoded.validation), context=np.array([end]))
    assert encoded.before("validation", 9).tolist() == [end]
    assert task.metrics["baseline_perplexity"] == pytest.approx(expected)


@pytest.mark.slow
def test_a_run_goes_on_with_the_same_texts_alone(trained, tmp_path):
    task, _ = trained
    again = dataclasses.replace(task.options, resume=True)
    assert prepare(again).corpus.fingerprint == task.encode().fingerprint
    other = tmp_path / "other.txt"
    other.write_text("the company\n")
    for split in ("validation", "test"):
        with pytest.raises(InputError, match=r"`validation` or `test`: a text is not the one that"):
            prepare(dataclasses.replace(again, **{split: str(other)}))


@pytest.mark.slow
def test_a_run_that_goes_on_ends_with_the_same_bits(tmp_path):
    """And measures the test anew, for its weights are others."""
    (tmp_path / "data").mkdir()
    for split in FILES:  # Such a text is learned better with every epoch.
        (tmp_path / "data" / f"{split}.txt").write_text("to be or\nnot to be\n" * 50)
    options = options_of(
        tmp_path, tmp_path / "data", units=5, learning_rate=0.003, schedule="constant"
    )
    whole = tfseq.train(options, log=lambda line: None)
    halves = dataclasses.replace(options, run_dir=str(tmp_path / "halves"), epochs=1)
    first = tfseq.train(halves, log=lambda line: None).metrics
    further = dataclasses.replace(tfseq.load(halves.run_dir).options, epochs=2, resume=True)
    task = tfseq.train(further, log=lambda line: None)
    for ours, theirs in zip(task.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    names = [name for name in whole.metrics if name.startswith(("test_", "validation_"))]
    assert {n: task.metrics[n] for n in names} == {n: whole.metrics[n] for n in names}
    assert task.metrics["test_loss"] != first["test_loss"]


def test_characters_as_they_are_published(tmp_path):
    """Also compressed, named one by one, with a test split alone beside a fraction."""
    tokens = write_splits(tmp_path / "data", CHARACTERS, "ptb.char.{}.txt")
    test = tmp_path / "data" / "test.txt.gz"
    test.write_bytes(gzip.compress((tmp_path / "data" / "ptb.char.test.txt").read_bytes()))
    corpus = tmp_path / "data" / "ptb.char.train.txt"
    training = prepare(options_of(tmp_path, corpus, test=str(test), validation_fraction=0.25))
    encoded = training.corpus
    assert len(encoded.ids) == len(tokens["train"])
    assert len(encoded.validation) == len(tokens["train"]) // 4
    assert len(encoded.test) == len(tokens["test"])
    assert encoded.before("validation", 3).tolist() == encoded.train[-3:].tolist()
    assert training.task.vocabulary.id_to_token(encoded.before("test")).numpy() == [b"<eos>"]
    summary = training.summary()
    assert (
        "files  train ptb.char.train.txt, validation the end of ptb.char.train.txt, test" in summary
    )


def test_splits_by_position(tmp_path):
    """Of one file, as enwik8 and text8 are split: 90, 5 and 5 of 100 characters."""
    text = "".join(random.Random(1).choices("abc\n", k=2000))
    (tmp_path / "enwik8").write_text(text)
    options = options_of(
        tmp_path, tmp_path / "enwik8", tokenizer="char", line_ends=False, validation_fraction=0.05
    )
    encoded = prepare(dataclasses.replace(options, test_fraction=0.05)).corpus
    splits = (encoded.train, encoded.validation, encoded.test)
    assert list(map(len, splits)) == [1800, 100, 100]
    assert np.concatenate(splits).tolist() == encoded.ids.tolist()
    assert encoded.before("test", 2).tolist() == encoded.validation[-2:].tolist()
    assert encoded.fingerprint != prepare(options).corpus.fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation": "nope.txt"}, r"`validation`: There is no corpus or file nope\.txt"),
        ({"test": "nope.txt"}, r"`test`: There is no corpus or file nope\.txt"),
        (
            {"validation": "a", "validation_fraction": 0.2},
            "`validation_fraction` must be left out where `validation`",
        ),
        ({"test": "a", "test_fraction": 0.2}, "`test_fraction` must be left out where `test`"),
        ({"test_fraction": 0.95, "validation_fraction": 0.1}, "must leave something to train on"),
        ({"tokenizer": "char"}, "`line_ends` must be left out with the tokenizer char"),
    ],
)
def test_options_that_do_not_go_together(changes, message, ptb, tmp_path):
    with pytest.raises(InputError, match=message):
        prepare(options_of(tmp_path, ptb[0] / "ptb.train.txt", **changes))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "names",
    [
        ["wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"],
        ["train.txt.gz", "dev.txt.gz", "test.txt.gz", "README.md", "training notes.doc"],
        ["en_TRAIN.jsonl", "en_val.jsonl", "en_test.jsonl", "en_all.jsonl"],
    ],
)
def test_layouts(names, tmp_path):
    for name in names:
        (tmp_path / name).write_text("a\n")
    named = with_splits_named(LanguageModelOptions(corpus=str(tmp_path)))
    found = [named.corpus, named.validation, named.test]
    assert found == [str(tmp_path / name) for name in names[:3]]
    mine = with_splits_named(LanguageModelOptions(corpus=str(tmp_path), test="mine.txt"))
    assert [mine.corpus, mine.validation, mine.test] == [*found[:2], "mine.txt"]


@pytest.mark.parametrize("names", [["a.txt"], ["train.txt"], ["valid.txt", "test.txt"]])
def test_a_directory_of_another_kind_is_one_text(names, tmp_path):
    for name in names:
        (tmp_path / name).write_text("a\n")
    options = LanguageModelOptions(corpus=str(tmp_path))
    assert with_splits_named(options) == options


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ptb.char.{}.txt", r"holds several corpora: ptb\.char\.train\.txt, ptb\.train\.txt"),
        ("ptb.{}.txt.gz", r"holds both ptb\.test\.txt and ptb\.test\.txt\.gz"),
    ],
)
def test_a_directory_that_leaves_a_choice(name, message, tmp_path):
    write_splits(tmp_path)
    write_splits(tmp_path, name=name)
    with pytest.raises(InputError, match=message + r".*`corpus`, `validation`, `test`"):
        with_splits_named(LanguageModelOptions(corpus=str(tmp_path)))


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", ["word", "whitespace"])
def test_an_export_writes_lines(tokenizer, tmp_path):
    import tensorflow as tf

    (tmp_path / "verse.txt").write_text("to be, or not:\nthat is it.\n\n" * 40)
    options = options_of(
        tmp_path, tmp_path / "verse.txt", tokenizer=tokenizer, units=24, epochs=12, seed=3
    )
    task = tfseq.train(options, log=lambda line: None)
    written = task.generate("to", 20, temperature=0)
    assert written.text.startswith("to be, or not:\nthat is it.\n\nto be")
    served = tf.saved_model.load(str(task.export(tmp_path / "exported"))).signatures
    prompts = tf.constant(["to", "that is it.\n\n"])
    text = served["serving_default"](prompts)["text"].numpy()[1].decode()
    assert text.startswith("that is it.\n\n")
    assert "\n" in text.removeprefix("that is it.\n\n")
    following = served["next_token"](tf.constant(["to be, or not:"]))["tokens"].numpy()[0]
    assert following[0] == b"<eos>"
    score = served["score"](tf.constant(["\nto be, or not:\n"]))
    score_here = task.score("\nto be, or not:\n")
    assert score["num_tokens"].numpy() == [score_here.num_tokens]
    assert score["log_probability"].numpy() == pytest.approx([score_here.log_probability], rel=1e-4)


@pytest.mark.parametrize(
    ("line", "of_characters"),
    [(" t h e _ <unk> _ c a t \n", True), (" the cat <unk> sat on a mat \n", False)],
)
def test_a_preset_knows_characters_that_stand_apart(line, of_characters, tmp_path):
    path = tmp_path / "tokenized.txt"
    path.write_text(line * 20)
    options = LanguageModelOptions(corpus=str(path), tokenizer="whitespace")
    found = open_texts(options).of_characters(options.tokenizer)
    assert found == of_characters
    filled = options.with_defaults_filled(found)
    assert filled.tie_embeddings == (not of_characters)
