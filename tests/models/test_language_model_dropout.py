"""What a language model drops in training, held against the equations in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.generation.token_step import token_step
from tfseq.layers.tensorflow.dropout_mask import kept_places
from tfseq.models import Forecaster, LanguageModel

V, UNITS = 9, 5
IDS = np.random.default_rng(0).integers(0, V, [4, 12]).astype("int32")


def make(**options):
    keras.utils.set_random_seed(3)
    return LanguageModel(V, "rnn", UNITS, **options)


def gradients(model, ids=IDS):
    with tf.GradientTape() as tape:
        logits = model(ids, training=True)
        loss = tf.reduce_sum(logits**2)
    return [logits, *map(tf.convert_to_tensor, tape.gradient(loss, model.trainable_variables))]


@pytest.mark.parametrize("how", ["compiled", "eager"])
@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.everyday(2)
def test_a_dropped_symbol_is_zero_wherever_it_occurs(size, how):
    model = make(embedding_dropout=0.4, embedding_size=size)
    kept = kept_places([V], 0.4, model.seed_generator.state.value).numpy()
    assert 0 < kept.sum() < V
    factors = np.where(kept, 1 / 0.6, 0).astype("float32")[:, None]
    logits, *ours = (tf.function(gradients) if how == "compiled" else gradients)(model)
    assert model.stack.rnns[0].last_loop.startswith(how if how == "compiled" else "keras")

    plain = make(embedding_size=size)
    plain.set_weights(model.get_weights())
    table = plain.stack.rnns[0].cell.kernel if size is None else plain.embedding.embeddings
    table.assign(table * factors)
    expected, *theirs = gradients(plain)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    place = next(i for i, v in enumerate(plain.trainable_variables) if v is table)
    theirs[place] = theirs[place] * factors
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_a_large_table_keeps_a_gradient_of_rows():
    model = LanguageModel(500, "rnn", UNITS, embedding_size=4, embedding_dropout=0.4)

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(IDS, training=True) ** 2)
        return tape.gradient(loss, model.embedding.embeddings.value)

    assert isinstance(gradient(), tf.IndexedSlices)


def test_inference_drops_nothing():
    dropped = make(
        embedding_dropout=0.5, weight_dropout=0.5, dropout=0.5, dropout_mask="window", num_layers=2
    )
    plain = make(num_layers=2)
    plain.set_weights(dropped.get_weights())
    np.testing.assert_array_equal(dropped(IDS), plain(IDS))


def test_rates_of_their_own_and_one_mask_for_all_steps():
    model = make(
        dropout=0.5,
        input_dropout=0.0,
        output_dropout=0.2,
        dropout_mask="window",
        num_layers=2,
        embedding_size=3,
    )
    assert (model.input_dropout.rate, model.output_dropout.rate) == (0.0, 0.2)
    assert (model.stack.dropout, model.dropout) == (0.5, 0.5)
    seed = model.output_dropout.seed_generator.state.value
    kept = kept_places([4, 1, UNITS], 0.2, seed)
    model.stack.dropouts[0].rate = 0.0
    hidden, _ = model.hidden(IDS, training=True)
    plain, _ = model.hidden(IDS)
    np.testing.assert_allclose(hidden, np.where(kept, plain / 0.8, 0), rtol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.everyday(1)
def test_generation_takes_the_steps_of_the_loop(cell):
    """With zoneout, inference has the expected value, one step at a time as well."""
    keras.utils.set_random_seed(3)
    model = LanguageModel(V, cell, UNITS, num_layers=2, zoneout=0.4, recurrent_dropout=0.3)
    expected, end = model(IDS, return_states=True)
    plain = LanguageModel(V, cell, UNITS, num_layers=2)
    plain.set_weights(model.get_weights())
    assert np.abs(plain(IDS) - expected).max() > 1e-3
    advance, logits = token_step(model)
    for one_step in (lambda ids, h: (logits((a := advance(ids, h))[0]), a[1]), model.step):
        states = model.initial_states(len(IDS))
        for t in range(IDS.shape[1]):
            now, states = one_step(IDS[:, t], states)
            np.testing.assert_allclose(now, expected[:, t], rtol=1e-4, atol=1e-6)
        for one, other in zip(keras.tree.flatten(states), keras.tree.flatten(end), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_all_of_it_is_saved(tmp_path):
    options = {
        "dropout": 0.3,
        "input_dropout": 0.1,
        "layer_dropout": 0.2,
        "output_dropout": None,
        "dropout_mask": "window",
        "embedding_dropout": 0.15,
        "weight_dropout": 0.25,
        "recurrent_dropout": 0.05,
        "zoneout": 0.35,
    }
    model = make(**options, num_layers=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    config = loaded.get_config()
    assert {name: config[name] for name in options} == options
    np.testing.assert_allclose(loaded(IDS), model(IDS), rtol=1e-6)


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("embedding_dropout", 1, "at least 0 and less than 1"),
        ("input_dropout", -0.5, "at least 0 and less than 1"),
        ("dropout_mask", "row", "one of 'step', 'window'"),
    ],
)
def test_wrong_values_are_refused(option, value, rule):
    with pytest.raises(ValueError, match=f"`{option}` must be {rule}"):
        make(**{option: value})


def test_a_model_without_dropout_of_its_inputs_takes_no_rate_for_it():
    with pytest.raises(ValueError, match=r"`input_dropout` must be None. Received: .*=0.5"):
        Forecaster(1, lookback=4, input_dropout=0.5)
