"""What a training run is to learn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfseq.runs.recipe.layer_rates import LayerRates
from tfseq.runs.rows.row_tables import Table


@dataclass(frozen=True)
class Objective:
    """A model, batches for it, a loss, and how it is validated.

    Attributes:
        model: the model, built.
        batches: (epoch, start_batch) -> the batches of an epoch from `start_batch` on, a finite
            `tf.data.Dataset` with known cardinality and the same `element_spec` each time, wholly
            determined by the two numbers and the seed.
        batch_specs: where batches are of a few shapes, what `element_spec` would be of each, and
            what the learning rate is multiplied by; a step is compiled for each. The usual ones
            are none: all batches are of the shape that `element_spec` says.
        loss: (batch, states) -> (loss, number of targets, states): the mean loss over the targets
            of a batch, a scalar that the gradient is taken of, and the states that the next batch
            begins with. Their gradient is cut there. It is traced, more than once. A fourth result,
            if there is one, is the scalar that the gradient is taken of in place of the loss, which
            is then reported alone; it is a mean over the rows of the batch, too.
        layer_rates: which weights learn from when on, and how fast; None: all alike.
        initial_states: gives the states that an epoch begins with; the usual ones are none.
        validate: gives metrics of the model with its present weights, `validation_loss` among
            them, each name beginning with `validation_`; None does without validation, and so
            without early stopping.
        monitor: the metric of `validate` by which the best epoch is chosen.
        greater_is_better: whether `monitor` is to become large (an accuracy) or small (a loss).
        train_metrics: the mean loss of an epoch -> what history says of it.
        targets: what a target is called, in the plural: `tokens`, say.
        independent_rows: whether the tensors of batches and states have one row for each sequence,
            and the loss of a target depends on its own row alone. A step may then divide a batch.
        tables: trainable variables of which a batch reads few rows; see `RowTables`. Where there
            are any, the loss is (batch, states, rows, drawn) -> the same, `rows` being the
            `ReadRows` of each table, which it reads in place of the table.
        draw: (number of the step, int64 scalar) -> what is drawn for a step: tensors, a function of
            the number alone.
    """

    model: keras.Model
    batches: Callable[[int, int], tf.data.Dataset]
    loss: Callable[[Any, Any], tuple]
    initial_states: Callable[[], Any] = tuple
    validate: Callable[[], Mapping[str, float]] | None = None
    monitor: str = "validation_loss"
    greater_is_better: bool = False
    train_metrics: Callable[[float], Mapping[str, float]] = lambda loss: {"train_loss": loss}
    targets: str = "targets"
    independent_rows: bool = False
    batch_specs: Sequence[tuple[Any, float]] = ()
    tables: Sequence[Table] = ()
    draw: Callable[[tf.Tensor], Any] = lambda step: ()
    layer_rates: LayerRates | None = None


def weighted_loss(
    model: keras.Model, loss: Callable[[Any, Any], tf.Tensor]
) -> Callable[[Any, Any], tuple[tf.Tensor, tf.Tensor, Any]]:
    """L = Σ w l(y, ŷ) / Σ w over a batch `(inputs, targets, weights)`, as `Objective.loss`.

    Args:
        model: called as `model(inputs, training=True)`.
        loss: (targets, outputs) -> one loss for each target, float `[B]`, `[B, T]`, ...; for
            example a Keras loss with `reduction="none"`, or one of `keras.losses`' functions.
            The weights of a batch have the same shape: 1 for a target that counts, 0 for padding.
    """

    def mean_loss(batch, states):
        inputs, targets, weights = batch
        losses = tf.cast(loss(targets, model(inputs, training=True)), tf.float32)
        weights = tf.cast(weights, tf.float32)
        mean = tf.math.divide_no_nan(tf.reduce_sum(losses * weights), tf.reduce_sum(weights))
        return mean, tf.math.count_nonzero(weights), states

    return mean_loss
