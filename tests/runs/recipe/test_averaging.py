"""Averages of the weights beside those that NumPy takes of the recorded weights."""

import itertools

import keras
import numpy as np
import pytest

from tfseq.errors import InputError
from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.trainer import Trainer

from ..small_run import least_squares, make
from ..small_trainer import bits_of

STEPS = 3  # In an epoch.


class Recorded:
    """A trainer, and all that happens to it: weights after each step, what was validated."""

    def __init__(self, losses, seed=0, **options):
        keras.utils.set_random_seed(seed)
        self.losses, self.validated, self.weights = iter(losses), [], []
        self.objective = least_squares(self.validate if losses else None)
        usual = {"learning_rate": 0.2, "learning_rate_decay": 1.0, "optimizer": "sgd"}
        options = TrainingOptions(**{**usual, "epochs": 7, "patience": 0, **options})
        self.trainer = Trainer(self.objective, options)
        self.start = self.objective.model.get_weights()

    def validate(self):
        self.validated.append(self.objective.model.get_weights())
        return {"validation_loss": next(self.losses)}

    def train(self):
        while not self.trainer.finished:
            for _ in self.trainer.train_epoch():
                self.weights.append(self.objective.model.get_weights())
        return self

    def mean(self, first, last):
        """Of the weights after steps `first` to `last` − 1, from 0."""
        return [np.mean(w, axis=0) for w in zip(*self.weights[first:last], strict=True)]


def assert_close(weights, expected):
    for weight, value in zip(weights, expected, strict=True):
        np.testing.assert_allclose(weight, value, rtol=1e-5, atol=1e-6)


def assert_differ(weights, others):
    assert max(np.abs(a - b).max() for a, b in zip(weights, others, strict=True)) > 1e-4


@pytest.mark.slow
def test_training_goes_on_with_the_weights_themselves():
    runs = [Recorded([1.0] * 13, averaging=a).train() for a in ("none", "ema", "two_tailed")]
    for other in runs[1:]:
        for weights, expected in zip(other.weights, runs[0].weights, strict=True):
            assert_close(weights, expected)
        assert_differ(other.validated[-1], other.weights[-1])
    assert_close(runs[0].validated[-1], runs[0].weights[-1])


@pytest.mark.everyday(1)
@pytest.mark.parametrize("decay", [0.999, 0.3])
def test_exponential(decay):
    run = Recorded([3.0, 2.0, 1.0, 2.0], averaging="ema", ema_decay=decay, epochs=4).train()
    averaged, expected = run.start, []
    for n, weights in enumerate(run.weights):
        α = 1 - min(decay, (1 + n) / (10 + n))
        averaged = [(1 - α) * a + α * w for a, w in zip(averaged, weights, strict=True)]
        expected.append(averaged)
    for epoch, weights in enumerate(run.validated):
        assert_close(weights, expected[STEPS * (epoch + 1) - 1])
    run.trainer.use_best_weights()
    assert_close(run.objective.model.get_weights(), expected[STEPS * 3 - 1])
    assert [row["averaged_updates"] for row in run.trainer.progress.history] == [3, 6, 9, 12]


def test_exponential_without_validation():
    run = Recorded([], averaging="ema", ema_decay=0.3, epochs=1).train()
    run.trainer.use_best_weights()
    assert_differ(run.objective.model.get_weights(), run.weights[-1])
    for kind in ("triggered", "two_tailed"):
        with pytest.raises(InputError, match=rf"`averaging` {kind} goes by the validation loss"):
            Recorded([], averaging=kind)


def test_triggered():
    """Worse than one of two epochs ago or before: epoch 5 is the first. Patience waits for it."""
    losses = [3.0, 2.0, 2.5, 2.0, 2.2, 1.0, 1.5, 1.6]
    run = Recorded(
        losses, averaging="triggered", averaging_interval=2, patience=2, epochs=20
    ).train()
    last = [STEPS * n for n in range(1, 9)]
    for weights, n in zip(run.validated[:5], last, strict=False):
        assert_close(weights, run.weights[n - 1])
    for weights, n in zip(run.validated[5:], last[5:], strict=True):
        assert_close(weights, run.mean(last[4], n))
    progress = run.trainer.progress
    assert [row["averaged_updates"] for row in progress.history] == [0] * 5 + [3, 6, 9]
    assert (progress.epoch, progress.best_epoch, progress.stopped_early) == (8, 6, True)
    run.trainer.use_best_weights()
    assert_close(run.objective.model.get_weights(), run.mean(last[4], last[5]))


def test_two_tailed():
    """Losses in the order in which they are asked for: the short average, then the long one."""
    losses = [
        *(5.0,),  # There is one average as yet.
        *(4.0, 4.5),  # The short one of epoch 2 takes over.
        *(3.9, 3.8),  # The long one, of epochs 2 and 3, is better.
        *(3.7, 3.7),  # The short one, of epochs 3 and 4, takes over.
        *(3.9, 3.6),  # The long one, of epochs 3 to 5.
    ]
    run = Recorded(losses, averaging="two_tailed", epochs=5).train()
    e = [STEPS * n for n in range(6)]
    expected = [(0, 1), (1, 2), (0, 2), (2, 3), (1, 3), (2, 4), (1, 4), (4, 5), (2, 5)]
    for weights, (first, last) in zip(run.validated, expected, strict=True):
        assert_close(weights, run.mean(e[first], e[last]))
    progress = run.trainer.progress
    assert [row["validation_loss"] for row in progress.history] == [5.0, 4.0, 3.8, 3.7, 3.6]
    assert [row["averaged_updates"] for row in progress.history] == [3, 3, 6, 6, 9]
    run.trainer.use_best_weights()
    assert_close(run.objective.model.get_weights(), run.mean(e[2], e[5]))


@pytest.mark.slow
@pytest.mark.parametrize("averaging", ["ema", "triggered", "two_tailed"])
def test_taken_up_at_every_step(averaging, tmp_path):
    losses = {
        "ema": [3.0, 2.0, 2.5],
        "triggered": [2.0, 2.5, 2.6],
        "two_tailed": [3.0, 2.9, 2.0, 1.0, 2.0],
    }[averaging]
    options = {"averaging": averaging, "averaging_interval": 1, "ema_decay": 0.5, "epochs": 3}
    whole, numbers = Recorded(losses, **options), itertools.count()

    def note():
        used = len(losses) - len(list(whole.losses))
        whole.losses = iter(losses[used:])
        save_checkpoint(tmp_path / str(next(numbers)), whole.trainer.checkpoint())
        return used

    used = [note()]
    while not whole.trainer.finished:
        for _ in whole.trainer.train_epoch():
            used.append(note())
        used.append(note())
    expected = bits_of(whole.trainer.checkpoint())
    other = Recorded(losses, seed=9, **options)
    next(other.trainer.train_epoch())
    for number, start in enumerate(used):
        other.losses = iter(losses[start:])
        other.trainer.restore(load_latest_checkpoint(tmp_path / str(number))[0])
        other.train()
        assert bits_of(other.trainer.checkpoint()) == expected


def test_a_run_keeps_the_average(tmp_path):
    """Its file of weights, its samples and what it ends with are those that were validated."""
    sampled = []
    job = make(tmp_path / "run", averaging="ema", epochs=2)
    job.epoch_ended = lambda row, progress: sampled.append(job.model.get_weights())
    job.fit()
    raw = [v.numpy() for v in job.trainer.averaging.averages[0].values]
    assert_close(job.model.get_weights(), sampled[-1])
    assert_close(job.model.get_weights(), raw)
    expected = job.model.get_weights()
    job.model.load_weights(job.directory.weights)
    assert_close(job.model.get_weights(), expected)
    arrays = load_latest_checkpoint(job.directory.checkpoints)[0].arrays
    assert_differ([arrays[f"model/{i}"] for i in range(2)], expected)
