"""Recurrent dropout and zoneout: every step by its equation in NumPy, in every loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from step_loop import sequences

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.layers import RNN
from tfseq.layers.tensorflow.dropout_mask import kept_places

BATCH, STEPS, UNITS = 4, 6, 5
X = sequences(batch=BATCH, steps=STEPS, features=3)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def rnn_step(cell, x, states, drop):
    (h,) = states
    w, u, b = (v.numpy() for v in cell.weights)
    return [np.tanh(x @ w + drop(h) @ u + b)]


def lstm_step(cell, x, states, drop):
    h, c = states
    w, u, b = (v.numpy() for v in cell.weights)
    i, f, g, o = np.split(x @ w + drop(h) @ u + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru_step(cell, x, states, drop):
    (h,) = states
    w, u, b = (v.numpy() for v in cell.weights)
    b, b_h = b if cell.reset_after else (b, np.zeros_like(b))
    x_z, x_r, x_h = np.split(x @ w + b, 3, axis=-1)
    u_z, u_r, u_h = np.split(u, 3, axis=1)
    b_z, b_r, b_h = np.split(b_h, 3)
    z = sigmoid(x_z + drop(h) @ u_z + b_z)
    r = sigmoid(x_r + drop(h) @ u_r + b_r)
    if cell.reset_after:
        candidate = np.tanh(x_h + r * (drop(h) @ u_h + b_h))
    else:
        candidate = np.tanh(x_h + drop(r * h) @ u_h)
    return [z * h + (1 - z) * candidate]


CELLS = {
    "rnn": (lambda: SimpleRNNCell(UNITS), rnn_step),
    "lstm": (lambda: LSTMCell(UNITS), lstm_step),
    "gru": (lambda: GRUCell(UNITS), gru_step),
    "gru of the textbook": (lambda: GRUCell(UNITS, reset_after=False), gru_step),
}


def by_hand(layer, step, training, mask=None):
    """The outputs and the final states, of masks as the next call of `layer` draws them."""
    cell, number, generator = layer.cell, 0, layer.seed_generator
    seed = generator.state.value
    shape = [BATCH, STEPS, UNITS]

    def drawn(shape, rate):
        nonlocal number
        kept = kept_places(shape, rate, seed + tf.constant([0, number], tf.int64)).numpy()
        number += 1
        return kept

    states = [np.zeros([BATCH, UNITS], "float32") for _ in range(getattr(cell, "num_states", 1))]
    rates = layer.zoneout if isinstance(layer.zoneout, list) else [layer.zoneout] * len(states)
    drop = lambda h: h  # noqa: E731
    if training and layer.recurrent_dropout:
        kept = drawn([BATCH, UNITS], layer.recurrent_dropout)
        drop = lambda h: np.where(kept, h / (1 - layer.recurrent_dropout), 0)  # noqa: E731
    masks = [drawn(shape, rate) if rate and training else None for rate in rates]
    outputs = []
    for t in range(STEPS):
        new = step(cell, X[:, t], states, drop)
        for i, rate in enumerate(rates):
            if rate and training:
                new[i] = np.where(masks[i][:, t], new[i], states[i])
            else:
                new[i] = rate * states[i] + (1 - rate) * new[i]
        if mask is not None:
            real = mask[:, t, None]
            new = [np.where(real, a, b) for a, b in zip(new, states, strict=True)]
        states = new
        outputs.append(new[0])
    return np.stack(outputs, 1), states


def make(cell, **options):
    keras.utils.set_random_seed(1)
    layer = RNN(cell, return_sequences=True, return_state=True, **options)
    layer.build(X.shape)
    layer.cell.bias.assign(np.random.default_rng(2).normal(size=layer.cell.bias.shape))
    return layer


NOISE = {
    "recurrent dropout": {"recurrent_dropout": 0.3},
    "zoneout": {"zoneout": 0.4},
    "both": {"recurrent_dropout": 0.3, "zoneout": 0.4},
}


@pytest.mark.parametrize("how", ["traced", "eager", "unrolled"])
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.everyday(4)
def test_every_step(cell, noise, how):
    make_cell, step = CELLS[cell]
    layer = make(make_cell(), **NOISE[noise], unroll=how == "unrolled")
    for training in (True, False, True):
        expected, final = by_hand(layer, step, training)
        call = tf.function(layer) if how == "traced" else layer
        y, *states = call(X, training=training)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
        for one, other in zip(states, final, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        if how == "traced":
            assert layer.last_loop == ("compiled" if training else "graph")


@pytest.mark.parametrize("cell", ["lstm", "gru of the textbook"])
@pytest.mark.everyday(1)
def test_the_gradient_is_that_of_the_loop_of_keras(cell):
    mask = np.arange(STEPS) < np.array([6, 3, 1, 5])[:, None]

    def gradients(layer):
        with tf.GradientTape() as tape:
            y, *_ = layer(X, mask=mask, training=True)
            loss = tf.reduce_sum(y**2)
        return tape.gradient(loss, layer.trainable_variables)

    options = {"recurrent_dropout": 0.3, "zoneout": 0.4, "zero_output_for_mask": True}
    ours = tf.function(gradients)(traced := make(CELLS[cell][0](), **options))
    theirs = gradients(make(CELLS[cell][0](), **options))
    assert traced.last_loop == "compiled"
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_state_each_has_a_rate_of_its_own_and_a_mask():
    layer = make(LSTMCell(UNITS), zoneout=[0.0, 0.6])
    mask = np.arange(STEPS) < np.array([6, 3, 1, 5])[:, None]
    expected, final = by_hand(layer, lstm_step, True, mask)
    y, *states = tf.function(layer)(X, mask=mask, training=True)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    for one, other in zip(states, final, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_single_step_takes_the_expected_value():
    layer = make(LSTMCell(UNITS), zoneout=0.3, recurrent_dropout=0.5)
    y, *_ = layer(X)
    before = layer.get_initial_state(BATCH)
    for t in range(STEPS):
        output, before = layer.step(X[:, t], before)
        np.testing.assert_allclose(output, y[:, t], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_zoneout_is_for_any_cell():
    layer = RNN(keras.layers.GRUCell(UNITS), return_sequences=True, zoneout=0.999999)
    y = tf.function(lambda: layer(X, training=True))()
    assert layer.last_loop == "compiled"
    np.testing.assert_allclose(y, np.zeros(y.shape), atol=0.01)


def test_it_is_saved(tmp_path):
    layer = RNN(LSTMCell(UNITS), recurrent_dropout=0.2, zoneout=[0.1, 0.5])
    model = keras.Sequential([keras.Input((STEPS, 3)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    again = loaded.layers[0]
    assert (again.recurrent_dropout, again.zoneout) == (0.2, [0.1, 0.5])
    np.testing.assert_allclose(loaded(X), model(X), rtol=1e-6)


class OwnCell(SimpleRNNCell):
    def recur(self, x, states, recurrent_kernel):
        return super().recur(x, states, recurrent_kernel)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"`recurrent_dropout` needs a cell .* OwnCell does not"):
        RNN(OwnCell(3), recurrent_dropout=0.5)(X)
    with pytest.raises(ValueError, match=r"GRUCell does not\. A cell of Keras takes"):
        RNN(keras.layers.GRUCell(3), recurrent_dropout=0.5)(X)
    with pytest.raises(ValueError, match=r"`zoneout` must be one probability, or .* 2 state"):
        RNN(LSTMCell(3), zoneout=[0.5])(X)
    with pytest.raises(ValueError, match="`zoneout` must be at least 0 and less than 1"):
        RNN(LSTMCell(3), zoneout=[0.5, 1])
