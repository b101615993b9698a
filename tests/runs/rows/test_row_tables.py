"""Rows that a batch does not read, against an optimizer written out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.errors import InputError
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.objective import Objective
from tfseq.runs.rows.row_tables import Table
from tfseq.runs.trainer import Trainer

ROWS, D, RATE = 12, 3, 0.1
TARGETS = np.random.default_rng(0).normal(size=[5, 4, D]).astype("float32")
# Rows are read twice in a batch, in one batch of several, and (11) never.
IDS = np.int32([[0, 0, 1, 2], [1, 3, 3, 3], [4, 5, 6, 7], [0, 8, 9, 10], [2, 2, 5, 1]])


def make(**options) -> Trainer:
    """Least squares of looked-up rows: l = mean (E[id] + b − y)²; 5 batches an epoch."""
    keras.utils.set_random_seed(2)
    ids = keras.Input((), dtype="int32")
    embedded = keras.layers.Embedding(ROWS, D, "normal")(ids)
    model = keras.Model(ids, Bias()(embedded))
    table, bias = model.trainable_variables
    batches = tf.data.Dataset.from_tensor_slices((IDS, TARGETS))

    def loss(batch, states, rows, drawn):
        y = tf.gather(rows[0].values, rows[0].own[0]) + bias
        return tf.reduce_mean((y - batch[1]) ** 2), tf.size(batch[0]), states

    objective = Objective(
        model,
        lambda epoch, start_batch: batches.skip(start_batch),
        loss,
        validate=lambda: {"validation_loss": 1.0},
        tables=[Table(table, 4, lambda batch, drawn: ([batch[0]], []))],
    )
    options = {"learning_rate": RATE, "epochs": 3, "clip_norm": None, **options}
    return Trainer(objective, TrainingOptions(**options, learning_rate_decay=1.0))


class Bias(keras.layers.Layer):
    def build(self, input_shape):
        self.bias = self.add_weight(shape=(D,), initializer="zeros", name="bias")

    def call(self, inputs):
        return inputs + self.bias


def adam_by_hand(table, bias, steps, decay=0.0, averages=None):
    """θ, and its average; a row that is not read keeps its weights and its moments."""
    m, v = np.zeros_like(table), np.zeros_like(table)
    bias_m, bias_v = np.zeros_like(bias), np.zeros_like(bias)
    average = table.copy()
    for n in range(steps):
        ids, y = IDS[n % 5], TARGETS[n % 5].astype("float64")
        error = 2 * (table[ids] + bias - y) / y.size
        gradient = np.zeros_like(table)
        np.add.at(gradient, ids, error)
        read = np.unique(ids)
        correction = np.sqrt(1 - 0.999 ** (n + 1)) / (1 - 0.9 ** (n + 1))
        table[read] -= RATE * decay * table[read]
        m[read] += 0.1 * (gradient[read] - m[read])
        v[read] += 0.001 * (gradient[read] ** 2 - v[read])
        table[read] -= RATE * correction * m[read] / (np.sqrt(v[read]) + 1e-7)
        g = error.sum(0)
        bias -= RATE * decay * bias
        bias_m += 0.1 * (g - bias_m)
        bias_v += 0.001 * (g**2 - bias_v)
        bias -= RATE * correction * bias_m / (np.sqrt(bias_v) + 1e-7)
        α = 1 - min(0.9, (1 + n) / (10 + n))
        average += α * (table - average)
    return table, bias, average


def run(trainer):
    while not trainer.finished:
        for _ in trainer.train_epoch():
            pass


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_rows_that_are_not_read_stay_and_their_average_is_caught_up(decay):
    """All rows are averaged at each step by hand, those that were read alone by the trainer."""
    trainer = make(weight_decay=decay, averaging="ema", ema_decay=0.9)
    first, bias = (w.astype("float64") for w in trainer.model.get_weights())
    expected = adam_by_hand(first.copy(), bias, 15, decay)
    run(trainer)
    table, bias = trainer.model.get_weights()
    np.testing.assert_allclose(table, expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bias, expected[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(table[11], first[11].astype("float32"))
    with trainer.averaged():
        average = trainer.model.get_weights()[0]
    np.testing.assert_allclose(average, expected[2], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(average[11], table[11])
    np.testing.assert_array_equal(trainer.model.get_weights()[0], table)


def test_what_an_optimizer_keeps_of_rows_is_that_of_the_rows():
    trainer = make(optimizer="rmsprop", momentum=0.5)
    next(trainer.train_epoch())
    arrays = trainer.checkpoint().arrays
    velocity, momentum = (arrays[f"rows/{i}"] for i in range(2))
    read = np.isin(np.arange(ROWS), IDS[0])
    for kept in (velocity, momentum):
        assert kept.shape == (ROWS, D)
        np.testing.assert_array_equal(kept[~read], 0)
        assert np.all(kept[read] != 0)


@pytest.mark.everyday(1)
@pytest.mark.parametrize("averaging", ["two_tailed", "ema"])
def test_a_run_taken_up_at_any_step_ends_with_the_same_bits(averaging):
    whole = make(averaging=averaging, optimizer="nadam", weight_decay=0.1)
    checkpoints = [whole.checkpoint()]
    while not whole.finished:
        for _ in whole.train_epoch():
            checkpoints.append(whole.checkpoint())
    end = whole.checkpoint()
    for checkpoint in checkpoints[3::7]:
        trainer = make(averaging=averaging, optimizer="nadam", weight_decay=0.1)
        trainer.restore(checkpoint)
        run(trainer)
        arrays = trainer.checkpoint().arrays
        assert arrays.keys() == end.arrays.keys()
        for name, array in end.arrays.items():
            np.testing.assert_array_equal(arrays[name], array, err_msg=name)


def test_two_tailed_averages_of_rows_are_those_of_all_updates():
    """Every update weighs alike, from the last restart on."""
    trainer = make(averaging="two_tailed")
    history = []
    for _ in trainer.train_epoch():
        history.append(trainer.model.get_weights()[0])
    # At the end of an epoch the longer average took over what the shorter one had.
    long = trainer.averaging.averages[0]
    assert int(long.count) == 5
    np.testing.assert_allclose(
        long.lagging[0].caught_up(), np.mean(history, 0), rtol=1e-4, atol=1e-6
    )
    run(trainer)


def test_an_optimizer_that_keeps_something_else_is_refused():
    with pytest.raises(InputError, match=r"`optimizer` must keep.*Adafactor keeps one of"):
        make(optimizer="keras.optimizers:Adafactor")
