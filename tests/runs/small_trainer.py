"""A trainer small enough to be followed by hand, and what its steps are held against."""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

from tfseq.files.checkpoint import save_checkpoint
from tfseq.models import LanguageModel
from tfseq.runs.trainer import Trainer
from tfseq.runs.workers.workers import ALONE
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.training import language_model_objective, schedule_steps

V = 9
IDS = np.random.default_rng(1).choice(V, 150, p=np.arange(1, V + 1) / 45).astype("uint8")

# Adam, with what the presets bring left out.
SMALL = {
    "batch_size": 3,
    "cell": "gru",
    "num_steps": 5,
    "units": 4,
    "embedding_size": 0,
    "dropout": 0.0,
    "dropout_mask": "step",
    "weight_dropout": 0.0,
    "epochs": 16,
    "schedule": "exponential",
    "warmup": 0.0,
    "averaging": "none",
}


def make_trainer(
    train=IDS[:125],
    validation=IDS[125:],
    *,
    weights_seed=0,
    model_options=None,
    workers=ALONE,
    **options,
):
    """A small trainer: 125 tokens in batches of 3 x 5 are 8 steps an epoch."""
    options = LanguageModelOptions(**{**SMALL, **options}).with_defaults_filled()
    keras.utils.set_random_seed(weights_seed)
    model = LanguageModel(
        V,
        cell=options.cell,
        units=options.units,
        num_layers=options.num_layers,
        dropout=options.dropout,
        embedding_size=options.embedding_size or None,
        tie_embeddings=options.tie_embeddings,
        skip_connections=options.skip_connections,
        residual=options.residual,
        feed_forward=options.feed_forward,
        **(model_options or {}),
    )
    objective = language_model_objective(model, options, train, validation)
    return Trainer(objective, options, schedule_steps(options, len(train)), workers)


def cross_entropy(logits, targets):
    """−mean log softmax, written out."""
    logits = logits - tf.reduce_max(logits, axis=-1, keepdims=True)
    log_z = tf.math.log(tf.reduce_sum(tf.exp(logits), axis=-1))
    return tf.reduce_mean(log_z - tf.gather(logits, targets, batch_dims=2))


def loss_and_gradients(model, inputs, targets, states=None):
    with tf.GradientTape() as tape:
        logits, after = model(inputs, states=states, return_states=True, training=False)
        loss = cross_entropy(logits, targets)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    gradients = [np.asarray(tf.convert_to_tensor(g), "float64") for g in gradients]
    return float(loss), gradients, after


def clipped(gradients, clip_norm):
    norm = math.sqrt(sum((g**2).sum() for g in gradients))
    scale = 1.0 if clip_norm is None else min(1.0, clip_norm / norm)
    return norm, [g * scale for g in gradients]


def assert_weights(model, expected, rtol=1e-5):
    for weight, value in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weight, value, rtol=rtol, atol=1e-6 if rtol else 0)


def spread(model):
    """Larger weights, so that no gradient is small by chance."""
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(scale=0.8, size=w.shape) for w in model.get_weights()])


def script_validation(trainer, losses):
    """Let validation give these losses, one an epoch, and note the weights it was asked for."""
    seen = []
    losses = iter(losses)

    def validate():
        seen.append(trainer.model.get_weights())
        return {"validation_loss": next(losses)}

    trainer.objective = dataclasses.replace(trainer.objective, validate=validate)
    return seen


def train_and_keep_every_step(trainer, place):
    """Train to the end; the directories in `place` that hold a checkpoint each, in their order.

    One is taken before the first step, one after each, and one when an epoch is closed.
    """
    directories = []

    def note():
        directories.append(place / str(len(directories)))
        save_checkpoint(directories[-1], trainer.checkpoint())

    note()
    while not trainer.finished:
        for _ in trainer.train_epoch():
            note()
        note()  # After the epoch is closed: the same step, another place.
    return directories


def bits_of(checkpoint):
    """Everything in a checkpoint but the clock."""
    metadata = {k: v for k, v in checkpoint.metadata.items() if k != "seconds"}
    metadata["history"] = [
        {k: v for k, v in row.items() if k != "seconds"} for row in metadata["history"]
    ]
    arrays = {k: (v.dtype, v.shape, v.tobytes()) for k, v in checkpoint.arrays.items()}
    return checkpoint.step, metadata, arrays
