"""All steps of a linear recurrence at once, against one after the other."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import tfseq
from tfseq.cells import LinearCell, MinGRUCell, MinLSTMCell, RGLRUCell
from tfseq.layers.scan import has_linear_steps, linear_scan

LINEAR = {"min_gru": MinGRUCell, "min_lstm": MinLSTMCell, "rg_lru": RGLRUCell}


def steps_in_numpy(a, b, h):
    outputs = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        outputs.append(h)
    return np.stack(outputs, 1)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 6, 7, 35, 64])
def test_scan_is_the_recurrence_in_float64(num_steps):
    rng = np.random.default_rng(num_steps)
    a, b = rng.normal(size=(2, 2, num_steps, 3))
    h = rng.normal(size=(2, 3))
    found = linear_scan(*map(tf.constant, (a, b, h)))
    np.testing.assert_allclose(found, steps_in_numpy(a, b, h), rtol=1e-10, atol=1e-12)


def test_gradients_of_the_scan_and_their_gradients():
    rng = np.random.default_rng(0)
    arguments = [tf.constant(v) for v in rng.normal(size=(2, 2, 5, 3))]
    arguments.append(tf.constant(rng.normal(size=(2, 3))))

    def steps(a, b, h):
        outputs = []
        for t in range(5):
            h = a[:, t] * h + b[:, t]
            outputs.append(h)
        return tf.stack(outputs, 1)

    def gradients(function):
        with tf.GradientTape() as outer:
            outer.watch(arguments)
            with tf.GradientTape() as tape:
                tape.watch(arguments)
                loss = tf.reduce_sum(tf.sin(function(*arguments)))
            first = tape.gradient(loss, arguments)
            total = tf.add_n([tf.reduce_sum(g**2) for g in first])
        return [*first, *outer.gradient(total, arguments)]

    for found, expected in zip(gradients(linear_scan), gradients(steps), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def result_and_gradients(layer, x, mask=None, initial_state=None, graph=True):
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            results = layer(x, initial_state=initial_state, mask=mask, training=True)
            loss = tf.add_n([tf.reduce_sum(tf.sin(r)) for r in tf.nest.flatten(results)])
        return results, tape.gradient(loss, [x, *layer.trainable_variables])

    return (tf.function(run, autograph=False) if graph else run)(tf.constant(x))


def assert_same(found, expected, tolerance=1e-5):
    for ours, theirs in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        largest = np.max(np.abs(theirs)) if np.size(theirs) else 1
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * max(largest, 1e-3))


def pair(cls, features=3, **options):
    """A layer that scans, and one that goes step by step, with the same weights."""
    layers = []
    for parallel in (True, False):
        layer = tfseq.RNN(cls(4), parallel=parallel, **options)
        layer.build((2, None, features))
        layers.append(layer)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape) for w in layers[0].trainable_variables]
    for layer in layers:
        for variable, value in zip(layer.trainable_variables, weights, strict=True):
            variable.assign(value)
    return layers


MASKS = {
    "no mask": None,
    "padded": [[True] * 5 + [False] * 2, [True] * 7],
    "gaps": [[False, True, False, True, True, False, True], [False, False, True] + [False] * 4],
}


# One cell every day: the others hand the scan other numbers, and take as long.
SLOWLY = [
    pytest.param(name, marks=[] if name == "rg_lru" else [pytest.mark.slow]) for name in LINEAR
]


@pytest.mark.parametrize(
    "mask",
    [pytest.param(m, marks=[] if m == "gaps" else [pytest.mark.slow]) for m in MASKS],
)
@pytest.mark.parametrize("name", SLOWLY)
def test_every_setting_gives_what_single_steps_give(name, mask):
    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    initial = tf.constant(np.random.default_rng(2).normal(size=(2, 4)), "float32")
    mask = None if MASKS[mask] is None else tf.constant(MASKS[mask])
    for sequences, backwards, zero, state in [
        (True, False, False, initial),
        (True, True, True, None),
        (False, True, False, initial),
    ]:
        scanning, stepping = pair(
            LINEAR[name],
            return_sequences=sequences,
            return_state=True,
            go_backwards=backwards,
            zero_output_for_mask=zero,
        )
        found = result_and_gradients(scanning, x, mask, state)
        assert_same(found, result_and_gradients(stepping, x, mask, state))
        assert scanning.last_loop == "scan"
        assert stepping.last_loop == "compiled"


@pytest.mark.parametrize("name", SLOWLY)
def test_two_thousand_steps(name):
    x = np.random.default_rng(0).normal(size=(1, 2048, 3)).astype("float32")
    scanning, stepping = pair(LINEAR[name], return_sequences=True, return_state=True)
    found = result_and_gradients(scanning, x)
    assert_same(found, result_and_gradients(stepping, x))


def test_stateful_and_saved(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    scanning, stepping = pair(MinGRUCell, stateful=True, return_sequences=True)
    for _ in range(2):
        assert_same(scanning(x), stepping(x))
    assert_same(scanning.states[0].value, stepping.states[0].value)
    assert np.abs(scanning.states[0].value).max() > 0
    scanning.reset_state()
    assert not np.any(scanning.states[0].value)
    model = keras.Sequential([keras.Input((5, 3)), tfseq.RNN(RGLRUCell(4), parallel=True)])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.layers[0].parallel is True
    assert_same(again(x), model(x))


def test_sixteen_bits_are_as_near_as_single_steps():
    x = np.random.default_rng(0).normal(size=(2, 64, 3)).astype("float32")
    exact, _ = pair(MinGRUCell, return_sequences=True)
    layer = tfseq.RNN(
        MinGRUCell(4, dtype="mixed_bfloat16"),
        return_sequences=True,
        parallel=True,
        dtype="mixed_bfloat16",
    )
    layer.build((2, None, 3))
    layer.set_weights(exact.get_weights())
    outputs = layer(x)
    assert outputs.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(outputs, "float32"), exact(x), atol=0.05)


def test_which_way_is_taken_unless_one_is_asked_for():
    layer = tfseq.RNN(MinGRUCell(4), return_sequences=True)
    x = tf.zeros((2, 5, 3))
    layer(x)
    assert layer.last_loop == "scan"
    tf.function(lambda x: layer(x, training=True))(x)
    assert layer.last_loop == "compiled"
    tf.function(lambda x: layer(x))(x)
    assert layer.last_loop == "scan"
    any_length = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec([None, None, 3])])
    assert any_length(tf.zeros((2, 0, 3))).shape == (2, 0, 4)
    assert layer.last_loop == "graph"
    segments = tfseq.RNN(MinGRUCell(4), recompute_steps=2)
    tf.function(lambda x: segments(x, training=True))(x)
    assert segments.last_loop == "compiled"


def test_noise_on_the_states_makes_it_another_step():
    layer = tfseq.RNN(MinGRUCell(4), zoneout=0.25, parallel=True)
    x = np.random.default_rng(0).normal(size=(2, 3, 3)).astype("float32")
    found = layer(x)
    assert layer.last_loop != "scan"
    a, b = (np.asarray(v) for v in layer.cell.linear_steps(x))
    expected = steps_in_numpy(0.25 + 0.75 * a, 0.75 * b, np.zeros((2, 4)))[:, -1]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for setting in ("recurrent_dropout", "weight_dropout"):
        with pytest.raises(ValueError, match=f"`{setting}` .*MinGRUCell"):
            tfseq.RNN(MinGRUCell(4), **{setting: 0.5})(x)


class Ema(keras.layers.Layer):
    """A person's cell: h ← d h + (1 − d) x, with d learned."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, shape):
        self.d = self.add_weight(shape=(shape[-1],), initializer="zeros", name="d")

    def call(self, inputs, states):
        d = ops.sigmoid(self.d)
        h = d * states[0] + (1 - d) * inputs
        return h, [h]

    def linear_steps(self, inputs):
        d = ops.sigmoid(self.d)
        return d * ops.ones_like(inputs), (1 - d) * inputs


class Clipped(Ema):
    """Another step: what it inherits no longer says what it does."""

    def call(self, inputs, states):
        output, states = super().call(inputs, states)
        return output, [ops.clip(states[0], -1, 1)]


class Doubled(MinGRUCell):
    def recur(self, x, states, *weights):
        return [2 * h for h in super().recur(x, states, *weights)]


def test_cells_of_ones_own():
    x = np.random.default_rng(0).normal(size=(2, 9, 4)).astype("float32")
    scanning, stepping = pair(Ema, features=4, return_sequences=True)
    assert_same(result_and_gradients(scanning, x), result_and_gradients(stepping, x))
    assert scanning.last_loop == "scan"
    for cls in (Clipped, Doubled, tfseq.LSTMCell):
        assert not has_linear_steps(cls(4))
        tfseq.RNN(cls(4), parallel=False)
        with pytest.raises(ValueError, match=rf"`parallel` must be False.*cell={cls.__name__}"):
            tfseq.RNN(cls(4), parallel=True)
    with pytest.raises(NotImplementedError, match="must define `coefficients`"):
        LinearCell(4)(np.ones((2, 3)), [np.ones((2, 4))])


def test_configuration_without_the_setting_loads():
    config = json.loads(json.dumps(tfseq.RNN(MinGRUCell(4)).get_config()))
    assert config.pop("parallel") is None
    assert tfseq.RNN.from_config(config).parallel is None
