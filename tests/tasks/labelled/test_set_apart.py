"""What is set apart has no say in a vocabulary, in training, nor in a baseline."""

import csv
from collections import Counter, defaultdict

import numpy as np
import pytest

from tfseq.options.run_options import parse_run_options
from tfseq.tasks.labelled.examples import numbered_splits
from tfseq.tasks.tagging import training as tagging
from tfseq.tasks.tagging.options import TaggingOptions
from tfseq.tasks.text_classification import training as text_classification
from tfseq.tasks.text_classification.options import TextClassificationOptions

SMALL = ["--units=2", "--embedding-size=2", "--min-frequency=2", "--no-export", "--seed=1"]
SMALL += ["--validation-fraction=0.3", "--test-fraction=0.3"]
NUM_TEXTS = 90


def texts():
    """Rows of words of very different frequency, and a label for each word."""
    chance = np.random.default_rng(0)
    rows = [chance.zipf(1.3, chance.integers(1, 7)) % 60 for _ in range(NUM_TEXTS)]
    words = [[f"w{number}" for number in row] for row in rows]
    return words, [[f"t{chance.integers(min(number, 3) + 1)}" for number in row] for row in rows]


def make(kind, tmp_path):
    words, tags = texts()
    if kind == "tagger":
        lines = [
            "".join(f"{w}\t{t}\n" for w, t in zip(*pair, strict=True))
            for pair in zip(words, tags, strict=True)
        ]
        path = tmp_path / "tagged.conll"
        path.write_text("\n".join(lines))
        prepare, options_type, more = tagging.prepare, TaggingOptions, []
    else:
        path = tmp_path / "labelled.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows((" ".join(w), t[0]) for w, t in zip(words, tags, strict=True))
        prepare = text_classification.prepare
        options_type = TextClassificationOptions
        more = ["--tokenizer=word"]
    arguments = [f"--data={path}", f"--run-dir={tmp_path / 'run'}", *SMALL, *more]
    return prepare(parse_run_options(options_type, arguments), log=lambda line: None)


@pytest.fixture(params=["tagger", "classifier"])
def training(request, tmp_path):
    return make(request.param, tmp_path)


def test_the_vocabulary_is_that_of_the_training_split(training):
    words, _ = texts()
    splits = {name: split.tolist() for name, split in training.examples.splits.items()}
    assert sorted(i for split in splits.values() for i in split) == list(range(NUM_TEXTS))
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [36, 27, 27]

    def frequent(numbers):
        counts = Counter(word for i in numbers for word in words[i])
        kept = [word for word, count in counts.items() if count >= 2]
        return ["<unk>", *sorted(kept, key=lambda word: (-counts[word], word))]

    assert list(training.task.vocabulary.tokens) == frequent(splits["train"])
    for more in ("validation", "test"):
        # Either of the others would have made another one.
        assert frequent(splits["train"]) != frequent(splits["train"] + splits[more])


def test_batches_are_of_the_training_split(training):
    """Each of its texts once, as ids, with its own labels."""
    words, tags = texts()
    known = {word: number for number, word in enumerate(training.task.vocabulary.tokens)}
    labels, of_texts = list(training.task.labels), training.examples.unit == "text"

    def example(i):
        ids = tuple(known.get(word, 0) for word in words[i])
        if of_texts:
            return ids, labels.index(tags[i][0])
        return ids, tuple(map(labels.index, tags[i]))

    found = []
    for ids, targets, weights in training.run.trainer.objective.batches(0, 0).as_numpy_iterator():
        for row, target, weight in zip(ids, targets, weights, strict=True):
            length = np.count_nonzero(row >= 0)
            if of_texts:
                assert weight == 1
                target = int(target)
            else:
                assert weight.tolist() == [1] * length + [0] * (len(row) - length)
                target = tuple(target[:length].tolist())
            found.append((tuple(row[:length].tolist()), target))
    splits = training.examples.splits
    expected = {name: sorted(map(example, split)) for name, split in splits.items()}
    assert sorted(found) == expected["train"]
    assert expected["train"] != expected["validation"]


def test_a_tagger_s_baselines_and_unknown_tokens_are_those_of_the_training_split(tmp_path):
    training = make("tagger", tmp_path)
    words, tags = texts()
    of_word, all_tags = defaultdict(Counter), Counter()
    for i in training.examples.splits["train"]:
        all_tags.update(tags[i])
        for word, tag in zip(words[i], tags[i], strict=True):
            of_word[word][tag] += 1
    most = all_tags.most_common(1)[0][0]
    test = [
        pair
        for i in training.examples.splits["test"]
        for pair in zip(words[i], tags[i], strict=True)
    ]
    usual = {word: counts.most_common(1)[0][0] for word, counts in of_word.items()}
    (tmp_path / "run").mkdir()
    metrics = training.evaluate({})
    baselines = metrics["baselines"]
    assert baselines["most frequent tag"]["accuracy"] == pytest.approx(
        np.mean([tag == most for _, tag in test])
    )
    assert baselines["most frequent tag of the token"]["accuracy"] == pytest.approx(
        np.mean([tag == usual.get(word, most) for word, tag in test])
    )
    assert metrics["test_unknown_share"] == pytest.approx(
        np.mean([word not in of_word for word, _ in test])
    )
    assert 0 < metrics["test_unknown_share"] < 0.5


def test_fewer_training_examples_are_a_part_of_all():
    """The other splits stay; a smaller part lies in a larger one."""
    splits = {
        count: numbered_splits(60, TextClassificationOptions(max_train_examples=count))
        for count in (None, 20, 5)
    }
    for count in (20, 5):
        assert len(splits[count]["train"]) == count
        for name in ("validation", "test"):
            np.testing.assert_array_equal(splits[count][name], splits[None][name])
    assert {*splits[5]["train"]} < {*splits[20]["train"]} < {*splits[None]["train"]}
