"""Carried states: zero where an epoch begins, and not disturbed by validation."""

import keras
import numpy as np
import pytest
from keras import ops

import tfseq
from tfseq.fit import ResetStates, StatefulModel, Windows
from tfseq.fit.reset_states import state_variables

V = 12
IDS = np.random.default_rng(5).integers(0, V, 61)
TRAINING = Windows(IDS, 2, 5, order="sequential", offset=0)
HELD_OUT = Windows(IDS[::-1], 2, 5, order="sequential", offset=0)


def recurrent(kind: str, **options):
    if kind == "keras":
        return keras.layers.LSTM(6, return_sequences=True, **options)
    stacked = [keras.layers.GRUCell(6), tfseq.LSTMCell(6)]
    cell = tfseq.GRUCell(6) if kind == "tfseq" else stacked
    return tfseq.RNN(cell, return_sequences=True, **options)


def make_model(kind="tfseq", stateful=True, num_steps=5, nested=False):
    keras.utils.set_random_seed(0)
    ids = keras.Input(batch_shape=(2, num_steps), dtype="int32")
    hidden = keras.layers.Embedding(V, 8)(ids)
    layer = recurrent(kind, stateful=stateful)
    if nested:
        layer = keras.Sequential([keras.Input(batch_shape=(2, num_steps, 8)), layer])
    model = keras.Model(ids, keras.layers.Dense(V)(layer(hidden)))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit(model, **options):
    options = {"shuffle": False, "epochs": 2, "verbose": 0, "callbacks": [ResetStates()], **options}
    return model.fit(TRAINING.dataset, **options)


class NoteStates(keras.callbacks.Callback):
    """The states before each batch."""

    def __init__(self):
        super().__init__()
        self.states = []

    def on_train_batch_begin(self, batch, logs=None):
        states = state_variables(self.model)
        self.states.append(np.concatenate([np.ravel(ops.convert_to_numpy(s)) for s in states]))


@pytest.mark.everyday(1)
@pytest.mark.parametrize("kind", ["tfseq", "keras", "stacked"])
def test_a_state_is_carried_within_an_epoch_and_zero_where_it_begins(kind):
    note = NoteStates()
    model = make_model(kind, nested=kind == "stacked")
    fit(model, callbacks=[ResetStates(), note])
    zero = [not state.any() for state in note.states]
    assert zero == ([True] + [False] * (len(TRAINING) - 1)) * 2


def test_the_carried_state_is_where_the_batch_before_ended():
    note = NoteStates()
    model = make_model()
    model.compile(keras.optimizers.SGD(0.0), model.loss)  # The weights stay.
    fit(model, epochs=1, callbacks=[ResetStates(), note])
    rows = np.concatenate([inputs for inputs, _ in TRAINING.dataset.as_numpy_iterator()], axis=1)
    whole = make_model(stateful=False, num_steps=rows.shape[1])
    whole.set_weights(model.get_weights())
    outputs = keras.Model(whole.input, whole.layers[2].output).predict(rows, verbose=0)
    for state, end in zip(note.states[1:], range(4, rows.shape[1], 5), strict=False):
        np.testing.assert_allclose(state.reshape(2, 6), outputs[:, end], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tfseq", "keras"])
def test_validation_within_fit_starts_from_zeros_and_leaves_no_trace(kind):
    alone, validated = make_model(kind), make_model(kind)
    losses = fit(alone).history["loss"]
    history = fit(validated, validation_data=HELD_OUT.dataset).history
    assert history["loss"] == losses
    for weight, expected in zip(validated.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    # A whole row at once, by a model that carries nothing.
    batches = list(HELD_OUT.dataset.as_numpy_iterator())
    inputs, targets = (np.concatenate(rows, axis=1) for rows in zip(*batches, strict=True))
    whole = make_model(kind, stateful=False, num_steps=inputs.shape[1])
    whole.set_weights(validated.get_weights())
    expected = whole.evaluate(inputs, targets, batch_size=2, verbose=0)
    assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_evaluate_and_predict_start_from_zeros_when_they_are_given_it():
    model, reset = make_model(), ResetStates()
    fit(model)
    before = [ops.convert_to_numpy(state) for state in state_variables(model)]
    assert before[0].any()
    evaluations = [model.evaluate(HELD_OUT.dataset, callbacks=[reset], verbose=0) for _ in range(2)]
    assert evaluations[0] == evaluations[1]
    inputs, _ = next(HELD_OUT.dataset.as_numpy_iterator())
    predictions = [model.predict(inputs, callbacks=[reset], verbose=0) for _ in range(2)]
    np.testing.assert_array_equal(*predictions)
    for state, value in zip(state_variables(model), before, strict=True):
        np.testing.assert_array_equal(state, value)


def test_stateful_layers_are_found_wherever_they_are():
    layer = tfseq.RNN(tfseq.LSTMCell(3), stateful=True, return_sequences=True)
    plain = keras.layers.GRU(3, return_sequences=True)
    both_ways = keras.layers.Bidirectional(keras.layers.GRU(4, stateful=True))
    inner = keras.Sequential([layer, plain])
    model = keras.Sequential([keras.Input(batch_shape=(2, 5, 8)), inner, both_ways])
    shapes = sorted(tuple(state.shape) for state in state_variables(model))
    assert shapes == [(2, 3), (2, 3), (2, 4), (2, 4)]


def test_a_model_without_a_stateful_layer_is_refused():
    with pytest.raises(ValueError, match="`ResetStates` needs a model with stateful layers"):
        fit(make_model(stateful=False))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_stateful_model_gives_what_its_model_gives_row_by_row(cell):
    inner = tfseq.LanguageModel(V, cell=cell, units=6, num_layers=2)
    model = StatefulModel(inner, batch_size=2)
    rows = [inputs for inputs, _ in TRAINING.dataset.as_numpy_iterator()]
    outputs = np.concatenate([model(batch) for batch in rows], axis=1)
    np.testing.assert_allclose(outputs, inner(np.concatenate(rows, axis=1)), atol=1e-6)
    assert [w.path for w in model.trainable_weights] == [w.path for w in inner.trainable_weights]
