"""What a language model is held back by: in what it learns from, not in what it reports."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.errors import InputError
from tfseq.options.run_options import parse_run_options
from tfseq.runs.trainer import Trainer
from tfseq.tasks.language_model.model_building import build_model
from tfseq.tasks.language_model.objective import language_model_objective, penalty
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.training import schedule_steps

V = 9
IDS = np.random.default_rng(1).choice(V, 700, p=np.arange(1, V + 1) / 45).astype("uint8")
SMALL = {"batch_size": 32, "num_steps": 5, "units": 8, "embedding_size": 6, "dropout": 0.0}
PENALTIES = {
    "activation_regularization": 2.0,
    "temporal_activation_regularization": 3.0,
    "label_smoothing": 0.1,
}
EVERYTHING = {
    **PENALTIES,
    "num_layers": 2,
    "dropout": 0.2,
    "dropout_mask": "window",
    "input_dropout": 0.1,
    "layer_dropout": 0.3,
    "output_dropout": 0.15,
    "embedding_dropout": 0.1,
    "weight_dropout": 0.4,
    "recurrent_dropout": 0.2,
    "zoneout": 0.1,
}


def make(validation=IDS[:0], **options):
    options = LanguageModelOptions(**{**SMALL, **options}).with_defaults_filled()
    keras.utils.set_random_seed(0)
    model = build_model(options, V)
    objective = language_model_objective(model, options, IDS, validation)
    return Trainer(objective, options, schedule_steps(options, len(IDS)))


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_the_penalties_by_their_equations():
    rng = np.random.default_rng(0)
    h, x = rng.normal(size=[3, 4, 5]), rng.normal(size=[3, 4, V])
    kept = rng.random(h.shape) < 0.5
    targets = rng.integers(0, V, [3, 4])
    log_p = log_softmax(x)
    losses = -np.take_along_axis(log_p, targets[..., None], -1)[..., 0]
    tensors = [tf.constant(t, tf.float32) for t in (h, 2 * h * kept, x, losses)]
    options = LanguageModelOptions(**PENALTIES)
    smoothed = 0.9 * np.eye(V)[targets] + 0.1 / V
    expected = (
        2.0 * np.mean((2 * h * kept) ** 2)
        + 3.0 * np.mean((h[:, 1:] - h[:, :-1]) ** 2)
        + np.mean(-(smoothed * log_p).sum(-1))
        - np.mean(losses)
    )
    np.testing.assert_allclose(penalty(options, *tensors), expected, rtol=1e-5)
    # A window of one step has no change.
    one = penalty(options, *(t[:, :1] for t in tensors))
    assert np.isfinite(one)


@pytest.mark.slow
def test_penalties_are_learned_from_and_not_reported():
    """The first step of plain gradient descent, against gradients through eager TensorFlow."""
    trainer = make(optimizer="sgd", learning_rate=0.5, clip_norm=None, batch_size=3, **PENALTIES)
    model = trainer.model
    inputs, targets = next(iter(trainer.objective.batches(0, 0)))
    with tf.GradientTape() as tape:
        hidden, _ = model.hidden(inputs)
        logits = model.logits(hidden)
        smoothed = 0.9 * tf.one_hot(targets, V) + 0.1 / V
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(smoothed, logits))
        loss += 2.0 * tf.reduce_mean(hidden**2)
        loss += 3.0 * tf.reduce_mean((hidden[:, 1:] - hidden[:, :-1]) ** 2)
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, model.trainable_variables)]
    expected = [w - 0.5 * g for w, g in zip(model.get_weights(), gradients, strict=True)]
    log_p = log_softmax(logits.numpy().astype("float64"))
    plain = -np.mean(np.take_along_axis(log_p, targets.numpy()[..., None], -1))
    reported = next(trainer.train_epoch())
    assert reported["loss"] == pytest.approx(plain, rel=1e-5)
    assert reported["train_perplexity"] == pytest.approx(np.exp(plain), rel=1e-5)
    assert reported["gradient_norm"] == pytest.approx(float(tf.linalg.global_norm(gradients)))
    for weight, value in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weight, value, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_with_all_of_it_a_step_is_compiled_in_halves_and_goes_on_to_the_bit():
    """Stopped after step 2, and restored into a fresh trainer: the same weights at the end."""
    whole = make(**EVERYTHING)
    steps = whole.train_epoch()
    next(steps), next(steps)
    checkpoint = whole.checkpoint()
    list(steps)
    assert whole.step_kind == "compiled in halves"
    resumed = make(**EVERYTHING)
    resumed.restore(checkpoint)
    list(resumed.train_epoch())
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.checkpoint().step == resumed.checkpoint().step == 4


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("weight-dropout", "1", "at least 0 and less than 1"),
        ("embedding-dropout", "-0.1", "at least 0 and less than 1"),
        ("label-smoothing", "1", "at least 0 and less than 1"),
        ("activation-regularization", "-1", "zero or a positive finite number"),
        ("output-dropout", "1.5", "at least 0 and less than 1"),
    ],
)
def test_wrong_values_are_refused(option, value, rule):
    with pytest.raises(InputError, match=rf"`{option.replace('-', '_')}` must be {rule}"):
        parse_run_options(LanguageModelOptions, [f"--{option}={value}"])
