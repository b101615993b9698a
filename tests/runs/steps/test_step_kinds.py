"""How a step runs, and that it comes to what Keras comes to eagerly, for models of many kinds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.cells import GRUCell
from tfseq.layers import RNN, Dropout
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.determinism import deterministic_operations
from tfseq.runs.objective import Objective, weighted_loss
from tfseq.runs.recipe.optimizers import make_optimizer
from tfseq.runs.trainer import Trainer

from .step_models import (
    CallingPython,
    CentredCell,
    Counter,
    CountingCell,
    DroppingCell,
    Noise,
    RelativeCell,
    SortingCell,
    Squares,
    slow_sgd,
)

BATCH_SIZE, STEPS, UNITS = 32, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=[2 * BATCH_SIZE, STEPS, UNITS]).astype("float32")
Y = RNG.normal(size=X.shape).astype("float32")
# The halves of a batch have unequal numbers of targets, one half of the second batch has none.
COUNTS = (RNG.random(X.shape[:2]) < np.repeat([0.9, 0.3, 0.6, 0.0], 16)[:, None]).astype("float32")
squared_error = keras.losses.mean_squared_error


def make(cell, before=(), after=(), x=X, weights=COUNTS, independent=True, loss=None, **options):
    """An objective and options: a recurrent layer, layers before it, two batches an epoch."""
    keras.utils.set_random_seed(3)
    layers = [lambda: RNN(cell(UNITS), return_sequences=True)]
    layers = [make_layer() for make_layer in (*before, *layers, *after)]
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype), *layers])
    batches = tf.data.Dataset.from_tensor_slices((x, Y, weights)).batch(BATCH_SIZE, True)
    objective = Objective(
        model,
        lambda epoch, start_batch: batches.skip(start_batch),
        loss(model) if loss else weighted_loss(model, squared_error),
        independent_rows=independent,
    )
    options = {"optimizer": "sgd", "learning_rate": 0.1, "clip_norm": 0.5, "epochs": 3, **options}
    return objective, TrainingOptions(**options, learning_rate_decay=1.0)


def eager_epoch(objective, options):
    """Loss and norm of each step of an epoch, taken by Keras."""
    weights = objective.model.trainable_variables
    optimizer = make_optimizer(options, weights, options.learning_rate)
    figures = []
    for batch in objective.batches(0, 0):
        with tf.GradientTape() as tape:
            loss, _, _ = objective.loss(batch, ())
            total = tf.add_n([loss, *objective.model.losses])
        gradients = tape.gradient(total, [w.value for w in weights])
        gradients = list(map(tf.convert_to_tensor, gradients))
        norm = tf.linalg.global_norm(gradients)
        gradients, _ = tf.clip_by_global_norm(gradients, options.clip_norm, use_norm=norm)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        figures.append((float(loss), float(norm)))
    return figures


def check(kind, cell=GRUCell, **arguments):
    """One epoch of a trainer, and the same of Keras: figures, all variables, kind of the step."""
    trainer = Trainer(*make(cell, **arguments))
    steps = [(m["loss"], m["gradient_norm"]) for m in trainer.train_epoch()]
    objective, options = make(cell, **arguments)
    np.testing.assert_allclose(steps, eager_epoch(objective, options), rtol=1e-5)
    for a, b in zip(trainer.model.variables, objective.model.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=a.path)
    assert int(trainer.optimizer.iterations) == len(steps) == 2
    assert trainer.step_kind == kind or trainer.step_kind.startswith(kind + ",")
    return trainer


def normalised():
    """Writes its kernel at each call in training."""
    return keras.layers.SpectralNormalization(keras.layers.Dense(UNITS))


def regularized(units):
    return GRUCell(units, kernel_regularizer="l2")


def test_halves_are_weighted_by_their_targets_and_penalties_are_learned_from():
    check("compiled in halves", regularized)


def test_nothing_is_divided_unless_the_objective_says_that_rows_are_independent():
    """The largest error of a batch is not the mean of those of its halves."""

    def largest(model):
        def loss(batch, states):
            x, y, _ = batch
            error = tf.abs(model(x, training=True) - y)
            return tf.reduce_max(error), tf.size(y), states

        return loss

    check("compiled", loss=largest, independent=False)


@pytest.mark.everyday(3)
@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (CentredCell, "compiled"),
        (RelativeCell, "compiled"),
        (SortingCell, "graph: a recurrent layer runs as 'graph'"),
        (CountingCell, "graph: a recurrent layer runs as 'keras: it writes a variable"),
        (DroppingCell, "graph: a recurrent layer runs as 'keras: it writes a variable"),
    ],
)
def test_cells_whose_rows_depend_on_each_other_or_that_change(cell, kind):
    check(kind, cell)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (keras.layers.BatchNormalization, "compiled"),
        (Counter, "graph: there is the operation AssignAddVariableOp"),
        (normalised, "graph: a weight is written, or a variable that is not the model's"),
        (CallingPython, "graph: there is the operation PyFunc"),
    ],
)
def test_layers_that_keep_something_or_call_python(layer, kind):
    check(kind, before=[layer])


@pytest.mark.slow
def test_a_seed_of_the_loss_goes_on_too():
    """It is none of the model's variables."""
    noise = Dropout(0.5, seed=1)

    def noisy(model):
        def loss(batch, states):
            x, y, _ = batch
            kept = noise(tf.ones_like(y), training=True)
            return tf.reduce_mean(kept * (model(x, training=True) - y) ** 2), tf.size(y), states

        return loss

    trainer = Trainer(*make(GRUCell, loss=noisy))
    assert len(list(trainer.train_epoch())) == 2
    assert int(noise.seed_generator.state[1]) == 2
    assert trainer.step_kind.startswith("graph: a weight is written, or a variable")


def test_a_penalty_of_what_a_layer_puts_out_is_the_mean_over_all_rows():
    check("compiled", after=[Squares])


@pytest.mark.slow
def test_an_optimizer_that_xla_cannot_compile_takes_no_step_twice():
    """Dropout has used its seed when XLA refuses the update; the step begins once more."""
    trainer = check(
        "graph: XLA does not have all operations",
        before=[lambda: Dropout(0.5)],
        optimizer=slow_sgd,
    )
    (seed,) = (v for v in trainer.model.variables if v.name == "seed_generator_state")
    assert int(seed[1]) == 2


@pytest.mark.slow
def test_random_numbers_of_tensorflow_follow_its_seed():
    """XLA's would not."""
    weights = []
    for _ in range(2):
        trainer = Trainer(*make(GRUCell, before=[Noise]))
        with deterministic_operations():
            list(trainer.train_epoch())
        weights.append(trainer.model.get_weights())
    assert trainer.step_kind == "graph: there is the operation RandomStandardNormal"
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_batch_without_targets_changes_nothing():
    trainer = Trainer(*make(GRUCell, weights=COUNTS * (np.arange(64) < 32)[:, None]))
    steps = trainer.train_epoch()
    next(steps)
    before = trainer.model.get_weights()
    metrics = next(steps)
    assert (metrics["loss"], metrics["gradient_norm"]) == (0, 0)
    for a, b in zip(trainer.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_halves_of_a_batch_have_masks_of_their_own():
    """Read off by handing out, as the states, what dropout gives."""

    def handing_out(model):
        dropout, layer = model.layers

        def loss(batch, states):
            x, y, _ = batch
            dropped = dropout(tf.ones_like(x), training=True)
            return tf.reduce_mean((layer(dropped, training=True) - y) ** 2), tf.size(y), dropped

        return loss

    objective, options = make(GRUCell, before=[lambda: Dropout(0.5, seed=1)], loss=handing_out)
    shape = [BATCH_SIZE, STEPS, UNITS]
    objective = Objective(
        objective.model,
        objective.batches,
        objective.loss,
        initial_states=lambda: tf.zeros(shape),
        independent_rows=True,
    )
    trainer = Trainer(objective, options)
    halves = []
    for _ in trainer.train_epoch():
        assert set(np.unique(trainer.states)) == {0.0, 2.0}
        halves += [half.ravel() > 0 for half in np.split(trainer.states.numpy(), 2)]
    assert trainer.step_kind == "compiled in halves"
    assert len(halves) == 4
    for i, a in enumerate(halves):
        assert abs(a.mean() - 0.5) < 0.15  # 192 places: 4 standard deviations are 0.14.
        for b in halves[:i]:
            assert abs((a == b).mean() - 0.5) < 0.15


def test_batches_of_many_lengths_and_a_large_table_compile_one_update():
    """XLA compiles for shapes: it may not see how many rows a batch has read."""
    lengths = [2, 3, 4, 5]
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(300, UNITS),
            RNN(GRUCell(UNITS), return_sequences=True),
        ]
    )
    read = []

    class Noting(keras.optimizers.SGD):
        def apply_gradients(self, pairs):
            read.append(tf.compat.v1.get_default_graph().inputs)
            super().apply_gradients(pairs)

    def rows():
        for n in lengths:
            yield np.full([2, n], n), np.zeros([2, n, UNITS]), np.ones([2, n])

    signature = (
        tf.TensorSpec([2, None], tf.int32),
        tf.TensorSpec([2, None, UNITS]),
        tf.TensorSpec([2, None]),
    )
    batches = tf.data.Dataset.from_generator(rows, output_signature=signature)
    batches = batches.apply(tf.data.experimental.assert_cardinality(len(lengths)))
    objective = Objective(model, lambda *_: batches, weighted_loss(model, squared_error))
    trainer = Trainer(objective, TrainingOptions(optimizer=Noting, clip_norm=None))
    before = model.layers[0].get_weights()[0]
    list(trainer.train_epoch())
    (read_by_the_update,) = read
    assert all(tensor.shape.is_fully_defined() for tensor in read_by_the_update)
    assert trainer.step_kind == "graph: not all batches are of the same shape"
    changed = np.flatnonzero((model.layers[0].get_weights()[0] != before).any(axis=1))
    assert list(changed) == lengths


@pytest.mark.slow
def test_a_model_in_float64():
    check(
        "compiled in halves", lambda units: GRUCell(units, dtype="float64"), x=X.astype("float64")
    )
