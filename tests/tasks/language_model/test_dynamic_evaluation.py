"""Dynamic evaluation against its equations in NumPy, with gradients of one segment at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.models import LanguageModel
from tfseq.tasks.language_model.evaluation import Evaluator
from tfseq.tasks.language_model.evaluation import dynamic_evaluation as module
from tfseq.tasks.language_model.evaluation.dynamic_evaluation import DynamicEvaluator

V, STEPS = 6, 4
IDS = np.random.default_rng(3).choice(V, 140, p=np.arange(1, V + 1) / 21).astype("uint8")
TRAIN, TEXT = IDS[:101], IDS[101:]


def make_model(**options):
    keras.utils.set_random_seed(2)
    return LanguageModel(V, units=3, embedding_size=2, dropout=0.5, **options)


def loss_and_gradients(model, inputs, targets, states):
    """The mean loss of segments, written out; its gradients, as NumPy arrays; the states."""
    with tf.GradientTape() as tape:
        logits, states = model(inputs, states=states, return_states=True)
        log_p = logits - tf.math.log(tf.reduce_sum(tf.exp(logits), -1, keepdims=True))
        loss = -tf.reduce_mean(tf.gather(log_p, targets, batch_dims=2))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    return float(loss), [tf.convert_to_tensor(g).numpy() for g in gradients], states


def plain_statistics(model, rows):
    """Rows side by side, the state carried: the root mean square of the gradients of batches."""
    length = (len(TRAIN) - 1) // rows
    squares, states, number = 0, model.initial_states(rows), length // STEPS
    for place in range(0, number * STEPS, STEPS):
        cut = [
            np.stack([TRAIN[row * number * STEPS + place + shift :][:STEPS] for row in range(rows)])
            for shift in (0, 1)
        ]
        _, gradients, states = loss_and_gradients(model, *map(np.int32, cut), states)
        squares = [g**2 + s for g, s in zip(gradients, squares or [0] * 9, strict=False)]
    return [np.sqrt(s / number) for s in squares]


def plain_evaluation(model, rms, rate, decay, epsilon):
    """A loop over segments that sets the weights of the model."""
    trained = model.get_weights()
    mean = np.concatenate([m.ravel() for m in rms]).mean()
    losses, states = [], model.initial_states(1)
    text = np.r_[TRAIN[-1], TEXT].astype("int32")
    for start in range(0, len(text) - 1, STEPS):
        stop = min(start + STEPS, len(text) - 1)
        inputs, targets = text[start:stop], text[start + 1 : stop + 1]
        loss, gradients, states = loss_and_gradients(model, inputs[None], targets[None], states)
        losses += [loss] * len(inputs)
        changes = [
            -rate * g / (m + epsilon) + np.minimum(decay * m / mean, 1) * (t - w)
            for w, g, m, t in zip(model.get_weights(), gradients, rms, trained, strict=True)
        ]
        model.set_weights([w + d for w, d in zip(model.get_weights(), changes, strict=True)])
    model.set_weights(trained)
    return np.mean(losses)


@pytest.fixture(scope="module")
def evaluator():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STATISTICS_ROWS", 5)
        patch.setattr(module, "_SEGMENTS_OF_A_CALL", 3)
        return DynamicEvaluator(make_model(), TRAIN, STEPS)


def test_the_statistics_are_those_of_the_training_text(evaluator):
    expected = plain_statistics(evaluator.model, rows=5)
    for found, m in zip(evaluator.gradient_rms, expected, strict=True):
        np.testing.assert_allclose(found, m, rtol=1e-4, atol=1e-6)


@pytest.mark.everyday(2)
@pytest.mark.parametrize("decay", [0.0, 0.02, 5.0])
def test_it_is_the_loop_of_the_equations(evaluator, monkeypatch, decay):
    """39 tokens are ten segments, the last one short; with 5 the pull of many weights is 1."""
    monkeypatch.setattr(module, "_SEGMENTS_OF_A_CALL", 3)
    model, before = evaluator.model, evaluator.model.get_weights()
    rms = [m.numpy() for m in evaluator.gradient_rms]
    result = evaluator(TEXT, int(TRAIN[-1]), learning_rate=0.01, decay=decay, epsilon=1e-3)
    assert result.num_tokens == 39
    for weights, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, old)
    expected = plain_evaluation(model, rms, 0.01, decay, 1e-3)
    static = Evaluator(model)(TEXT, int(TRAIN[-1])).mean_cross_entropy
    assert result.mean_cross_entropy == pytest.approx(expected, rel=1e-5)
    assert abs(result.mean_cross_entropy - static) > 1e-3


@pytest.mark.slow
def test_without_a_learning_rate_it_is_the_static_figure(evaluator):
    for context in (None, int(TRAIN[-1])):
        still = evaluator(TEXT, context, learning_rate=0.0, decay=0.1, epsilon=1e-5)
        static = Evaluator(evaluator.model)(TEXT, context)
        assert still.num_tokens == static.num_tokens
        assert still.mean_cross_entropy == pytest.approx(static.mean_cross_entropy, rel=1e-6)


def test_the_model_is_as_before_after_an_error(evaluator, monkeypatch):
    before = evaluator.model.get_weights()

    def broken(segments, weights, *more):
        read(segments, weights, *more)
        raise KeyboardInterrupt

    read = evaluator._read
    monkeypatch.setattr(evaluator, "_read", broken)
    with pytest.raises(KeyboardInterrupt):
        evaluator(TEXT, learning_rate=1.0, decay=0.0, epsilon=1e-5)
    for weights, old in zip(evaluator.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, old)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"cell": "lstm", "num_layers": 2}, {"tie_embeddings": True}])
def test_other_models(options):
    if "tie_embeddings" in options:
        options = {**options, "units": 2, "embedding_size": 2}
    model = LanguageModel(V, **{"units": 3, **options})
    evaluate = DynamicEvaluator(model, TRAIN, STEPS)
    rms = [m.numpy() for m in evaluate.gradient_rms]
    result = evaluate(TEXT, int(TRAIN[-1]), learning_rate=0.003, decay=0.02, epsilon=1e-5)
    expected = plain_evaluation(model, rms, 0.003, 0.02, 1e-5)
    assert result.mean_cross_entropy == pytest.approx(expected, rel=1e-5)


def test_what_xla_lacks_runs_as_a_graph():
    run = module._by_xla_if_possible(lambda x: tf.strings.length(tf.as_string(x)))
    for number, length in ((7, 1), (1234, 4)):
        assert int(run(tf.constant(number))) == length
