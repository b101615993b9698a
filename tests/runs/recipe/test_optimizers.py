"""Optimizers, written out in NumPy; their weight decay, and what a checkpoint holds of them."""

import json

import keras
import numpy as np
import pytest

from tfseq.errors import InputError
from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint
from tfseq.options.run_options import read_run_options
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.recipe.optimizers import make_optimizer
from tfseq.runs.trainer import Trainer
from tfseq.tasks.language_model.options import LanguageModelOptions

from ..small_run import least_squares
from ..small_trainer import bits_of

RATE = 0.05


def make(optimizer, seed=0, **options):
    keras.utils.set_random_seed(seed)
    usual = {"learning_rate": RATE, "learning_rate_decay": 1.0, "clip_norm": None}
    options = TrainingOptions(**{**usual, "optimizer": optimizer, "epochs": 2, **options})
    return Trainer(least_squares(), options)


def gradients(weights, batch):
    x, y, w = (part.numpy().astype("float64") for part in batch)
    error = x @ weights[0] + weights[1] - y
    return [2 * x.T @ (w[:, None] * error) / w.sum(), 2 * (w @ error) / w.sum()]


def sgd(θ, g, t, state, momentum=0.9):
    state["v"] = momentum * state.get("v", 0) + g
    return θ - RATE * state["v"]


def rmsprop(θ, g, t, state, momentum=0.5):
    state["s"] = 0.9 * state.get("s", 0) + 0.1 * g**2
    state["v"] = momentum * state.get("v", 0) + RATE * g / np.sqrt(state["s"] + 1e-7)
    return θ - state["v"]


def lion(θ, g, t, state):
    m = state.get("m", 0)
    state["m"] = 0.99 * m + 0.01 * g
    return θ - RATE * np.sign(0.9 * m + 0.1 * g)


def nadam(θ, g, t, state):
    """Dozat, 2016: μ_t = 0.9 (1 − 0.96ᵗ / 2), and Π μ over all steps."""
    μ, μ_next = (0.9 * (1 - 0.5 * 0.96 ** (t + k)) for k in (1, 2))
    state["Πμ"] = state.get("Πμ", 1) * μ
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g**2
    m = μ_next * state["m"] / (1 - state["Πμ"] * μ_next) + (1 - μ) * g / (1 - state["Πμ"])
    return θ - RATE * m / (np.sqrt(state["v"] / (1 - 0.999 ** (t + 1))) + 1e-7)


RULES = [(sgd, {"momentum": 0.9}), (rmsprop, {"momentum": 0.5}), (lion, {}), (nadam, {})]


@pytest.mark.everyday(2)
@pytest.mark.parametrize(("rule", "options"), RULES)
@pytest.mark.parametrize("decay", [{}, {"weight_decay": 0.3, "decay_biases": False}])
def test_an_epoch(rule, options, decay):
    trainer = make(rule.__name__, **options, **decay)
    θ = [w.astype("float64") for w in trainer.model.get_weights()]
    states, lost = [{}, {}], [RATE * decay.get("weight_decay", 0), 0]
    batches = list(trainer.objective.batches(0, 0))
    for t, (batch, _) in enumerate(zip(batches, trainer.train_epoch(), strict=True)):
        g = gradients(θ, batch)
        θ = [rule(θ[i] * (1 - lost[i]), g[i], t, states[i]) for i in range(2)]
        for weight, expected in zip(trainer.model.get_weights(), θ, strict=True):
            np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.everyday(1)
@pytest.mark.parametrize(("rule", "options"), RULES)
def test_taken_up_in_the_middle(rule, options, tmp_path):
    name = getattr(rule, "__name__", rule)
    whole = make(name, **options)
    epoch = whole.train_epoch()
    next(epoch), next(epoch)
    save_checkpoint(tmp_path, whole.checkpoint())
    list(epoch)
    list(whole.train_epoch())
    other = make(name, seed=9, **options)
    next(other.train_epoch())
    other.restore(load_latest_checkpoint(tmp_path)[0])
    while not other.finished:
        list(other.train_epoch())
    assert bits_of(other.checkpoint()) == bits_of(whole.checkpoint())


def test_what_decays():
    """Where no gradient is, decay alone changes a weight. A GRU has both its biases in a matrix."""
    model = keras.Sequential([keras.Input((3, 2)), keras.layers.GRU(4), keras.layers.Dense(1)])
    model.set_weights([np.ones_like(w) for w in model.get_weights()])
    options = TrainingOptions(weight_decay=0.5, decay_biases=False, learning_rate=1.0)
    optimizer = make_optimizer(options, model.trainable_variables, 1.0)
    optimizer.apply_gradients([(0 * v.value, v) for v in model.trainable_variables])
    left = {v.path.split("/", 1)[1]: float(np.ravel(v)[0]) for v in model.trainable_variables}
    assert [left.pop(name) for name in list(left) if name.endswith("kernel")] == [0.5] * 3
    assert list(left.values()) == [1, 1]


def test_weight_decay_is_none_if_it_is_omitted_but_for_adamw():
    for name in ("sgd", "adam", "nadam", "lion", "rmsprop"):
        assert make(name).optimizer.weight_decay is None
        assert make(name, weight_decay=0.0).optimizer.weight_decay is None
        assert make(name, weight_decay=0.2).optimizer.weight_decay == 0.2
    assert make("adamw").optimizer.weight_decay == 0.01


def test_learning_rates_of_a_language_model_go_with_the_optimizer():
    def rate(**given):
        return LanguageModelOptions(**given).with_defaults_filled().learning_rate

    assert rate(optimizer="sgd", momentum=0.75) == 0.25
    assert rate(optimizer="lion") == rate() / 10 == rate(optimizer="nadam") / 10
    assert rate(optimizer="lion", learning_rate=0.5) == 0.5


def test_an_old_run_keeps_the_weight_decay_that_it_had(tmp_path):
    """Its config.json has 0.01 for every optimizer."""
    for name, expected in (("adam", 0.0), ("adamw", 0.01)):
        values = {"run_dir": "a", "optimizer": name, "weight_decay": 0.01}
        (tmp_path / "config.json").write_text(json.dumps({"task": "language_model", **values}))
        options = read_run_options(LanguageModelOptions, tmp_path)
        assert (options.weight_decay, options.weight_decay_rate()) == (None, expected)
    values |= {"optimizer": "adam", "schedule": "constant"}
    (tmp_path / "config.json").write_text(json.dumps({"task": "language_model", **values}))
    assert read_run_options(LanguageModelOptions, tmp_path).weight_decay_rate() == 0.01


def test_momentum_and_weight_decay_that_an_optimizer_does_not_take():
    with pytest.raises(InputError, match=r"`momentum` is .* sgd and rmsprop\. Received: 0.9 with"):
        make("adam", momentum=0.9)
    with pytest.raises(InputError, match=r"`weight_decay` is .*Received: 0.3 with .*Ftrl"):
        make("keras.optimizers:Ftrl", weight_decay=0.3)
