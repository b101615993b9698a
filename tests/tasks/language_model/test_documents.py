"""A language model of documents, from a text with markers to texts that end by themselves."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from stories import MARKER, log_probabilities, options_of, write_stories

import tfseq
from tfseq.errors import InputError
from tfseq.runs.objective import Objective
from tfseq.tasks.language_model.training import prepare


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    place = tmp_path_factory.mktemp("stories")
    return place, write_stories(place / "stories.txt")


@pytest.fixture(scope="module")
def trained(stories):
    """A run, its step's kind, and what it printed."""
    lines = []
    training = prepare(options_of(stories[0], split="shuffled", test_fraction=0.1), lines.append)
    lines.append(training.summary())
    metrics = training.run.fit(training.evaluate)
    lines.append(training.result(metrics))
    training.report(metrics).write(stories[0] / "report.html")
    kind = training.run.trainer.step_kind
    return tfseq.load(stories[0] / "run"), kind, "\n".join(lines)


def texts_of(task, split):
    encoded = task.encode()
    ids = np.asarray(getattr(encoded, split))[split == "train" :]
    cuts = np.split(ids, np.flatnonzero(ids == encoded.end_id) + 1)[:-1]
    return ["".join(task.vocabulary.tokens[i] for i in cut[:-1]) for cut in cuts]


@pytest.mark.slow
def test_the_loss_is_the_mean_over_documents_alone(trained, stories):
    task, kind, printed = trained
    parts = {split: texts_of(task, split) for split in ("train", "validation", "test")}
    assert sorted(parts["train"] + parts["validation"] + parts["test"]) == sorted(stories[1])
    for split in ("validation", "test"):
        alone = np.concatenate(log_probabilities(task, parts[split]))
        assert task.metrics[f"{split}_loss"] == pytest.approx(-alone.mean(), rel=1e-5)
        assert task.metrics[f"{split}_documents"] == len(parts[split])
        again = task.evaluate(split=split)
        assert again["cross_entropy"] == pytest.approx(-alone.mean(), rel=1e-5)
        assert again["num_tokens"] == len(alone)
        assert again["num_characters"] == len("".join(parts[split]))
    assert kind == "compiled in halves"
    told = [f"{len(part)} to" for part in parts.values()]
    assert f"documents: {told[0]} train on, {told[1]} validate, {told[2]} test" in printed
    assert f" to test, {len(task.vocabulary)} symbols" in printed
    read = np.quantile([*map(len, parts["train"])], [0.25, 0.5, 0.75], method="inverted_cdf")
    words = ", ".join(str(int(n)) for n in read)
    assert f"documents read        quartiles {words} tokens, of {len(parts['train'])}" in printed
    cells = [len(parts["train"]), *map(int, read)]
    row = "<td>read</td>" + "".join(f'<td class="n">{cell}</td>' for cell in cells)
    assert row in (stories[0] / "report.html").read_text()


@pytest.mark.slow
def test_a_batch_of_training_begins_each_document_anew(stories, tmp_path):
    """The loss of windows that hold several documents, and its gradient, against each alone."""
    options = options_of(
        stories[0], run_dir=str(tmp_path / "run"), num_steps=30, batch_size=8, seed=3,
        dropout=0.0, embedding_dropout=0.0, weight_dropout=0.0,
    )  # fmt: skip
    training = prepare(options)
    objective: Objective = training.run.trainer.objective
    model = training.task.model
    begin, end = model.document_ids
    inputs, targets = next(iter(objective.batches(0, 0)))
    assert np.count_nonzero(inputs == end) > len(inputs)
    states = objective.initial_states()
    with tf.GradientTape() as tape:
        loss, *_ = objective.loss((inputs, targets), states)
    total, count = 0.0, 0
    weights = model.trainable_variables
    with tf.GradientTape() as alone:
        for row, target in zip(inputs.numpy(), targets.numpy(), strict=True):
            cuts = [0, *np.flatnonzero(row == end), len(row)]
            for start, stop in itertools.pairwise(cuts):
                ids = np.where(row == end, begin, row)[None, start:stop]
                logits = model(ids) if stop > start else tf.zeros([1, 0, 1])
                of_row = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    target[None, start:stop], logits
                )
                total, count = total + tf.reduce_sum(of_row), count + (stop - start)
        total /= count
    assert float(loss) == pytest.approx(float(total), rel=1e-5)
    for one, other in zip(
        tape.gradient(loss, weights), alone.gradient(total, weights), strict=True
    ):
        np.testing.assert_allclose(
            tf.convert_to_tensor(one), tf.convert_to_tensor(other), atol=1e-6
        )


@pytest.mark.slow
def test_a_text_is_scored_with_its_end_or_without(trained):
    task = trained[0]
    texts = ["a b c", "", "d", "<end>"]
    known = log_probabilities(task, texts[:3])
    for count_end in (False, True):
        scores = task.score(texts, count_end=count_end)
        for score, expected in zip(scores, known, strict=False):
            expected = expected if count_end else expected[:-1]
            assert score.num_tokens == len(expected)
            assert score.log_probability == pytest.approx(expected.sum(), abs=1e-4)
            np.testing.assert_allclose(score.token_log_probabilities, expected, atol=1e-4)
        # What looks like the token is five characters, of which the model knows one.
        assert scores[3].num_tokens == 5 + count_end


@pytest.mark.slow
def test_a_text_ends_by_itself(trained):
    task = trained[0]
    alone = [task.generate("", 200, seed=seed) for seed in range(12)]
    together = task.generate([""] * 12, [200] * 12, seed=list(range(12)))
    assert [text.completion for text in alone] == [text.completion for text in together]
    assert sum(text.ended for text in alone) > 6
    for text in alone:
        assert text.num_tokens == len(text.text) + text.ended
        expected = log_probabilities(task, [text.text])[0][: text.num_tokens]
        assert text.log_probability == pytest.approx(expected.sum(), rel=1e-3)
    ended = next(text for text in alone if text.ended and len(text.text) > 3)
    seed = alone.index(ended)
    capped = task.generate("", len(ended.text), seed=seed)
    assert (capped.text, capped.ended) == (ended.text, False)
    assert task.generate("", 0) == ("", "", 0, 0.0, False, False)
    beams = task.generator.beam_search(["a b", ""], 60, 3)
    for prompt, row in zip(["a b", ""], beams, strict=True):
        for text in row:
            known = log_probabilities(task, [text.text])[0][len(prompt) :]
            expected = known[: text.num_tokens].sum()
            assert text.log_probability == pytest.approx(expected, rel=1e-3)
            assert text.num_tokens == len(text.completion) + text.ended
        assert any(text.ended for text in row)


@pytest.mark.slow
def test_a_text_that_is_not_the_run_s_is_documents_too(trained, tmp_path):
    task = trained[0]
    path = tmp_path / "other.txt"
    path.write_text(f"a b\n{MARKER}\n{MARKER}\nc\n{MARKER}\n")
    alone = np.concatenate(log_probabilities(task, ["a b", "c"]))
    figures = task.evaluate(path)
    assert figures["cross_entropy"] == pytest.approx(-alone.mean(), rel=1e-5)
    assert (figures["num_tokens"], figures["num_characters"]) == (6, 4)
    path.write_text("b")
    assert task.evaluate(path)["num_tokens"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"documents": "<no such>"}, "the marker '<no such>' does not occur in stories"),
        ({"documents": "files"}, "needs at least two"),
        ({"documents": "records"}, r"needs \.jsonl files"),
        ({"documents": ""}, "`documents` must be files, records, or a marker"),
        ({"documents": None, "split": "shuffled"}, "`split` shuffled needs `documents`"),
        ({"max_tokens": 13, "test_fraction": 0.1}, "there must be at least 3"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(stories, tmp_path, changes, message):
    run_dir = tmp_path / "run"
    with pytest.raises(InputError, match=message):
        prepare(options_of(stories[0], **changes, run_dir=str(run_dir)))
    assert not run_dir.exists() or not any(run_dir.iterdir())


def test_splits_of_their_own(stories, tmp_path):
    (tmp_path / "valid.txt").write_text(f"a b{MARKER}c d")
    options = options_of(
        stories[0], validation=str(tmp_path / "valid.txt"), run_dir=str(tmp_path / "run")
    )
    corpus = prepare(options).corpus
    tokens = corpus.vocabulary.tokens
    assert "".join(tokens[i] for i in corpus.validation) == "a b<end>c d<end>"
    assert corpus.before("validation", 5).tolist() == [corpus.end_id]
    assert np.count_nonzero(corpus.train == corpus.end_id) == len(stories[1]) + 1


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["random", "sequential"])
@pytest.mark.parametrize("cell", ["lstm", "rg_lru", "layer_norm_lstm", "mogrifier", "rnn"])
def test_every_cell_trains_in_halves(stories, tmp_path, cell, sampling):
    more = {"weight_dropout": 0.2} if cell in ("lstm", "mogrifier") else {}
    options = options_of(
        stories[0], cell=cell, sampling=sampling, batch_size=32, num_steps=8, zoneout=0.1,
        run_dir=str(tmp_path / "run"), sample_epochs=0, baseline=False, **more,
    )  # fmt: skip
    training = prepare(options)
    training.run.fit(training.evaluate)
    assert training.run.trainer.step_kind == "compiled in halves"
