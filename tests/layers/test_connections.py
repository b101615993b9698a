"""Skip and residual connections against their equations, written with NumPy around the cells."""

import keras
import numpy as np
import pytest
from stack_helpers import UNITS, assert_states_equal, sequences

from tfseq.layers import RecurrentStack

FEATURES, STEPS = 2, 5
MASK = np.arange(STEPS) < np.array([[2], [5], [3]])
KINDS = {
    "inputs": {"skip_connections": "inputs"},
    "outputs": {"skip_connections": "outputs"},
    "both": {"skip_connections": "both"},
    "residual": {"residual": True},
    "blocks": {"residual": True, "feed_forward": 1.5},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def make(kind, units=(5, 3, UNITS), cell="gru", features=FEATURES, **options):
    """A stack whose weights, biases and scales too, are all drawn at large."""
    stack = RecurrentStack(cell, units, **KINDS[kind], **options)
    stack.build((None, None, features))
    rng = np.random.default_rng(3)
    for weight in stack.trainable_variables:
        weight.assign(rng.normal(scale=0.7, size=weight.shape))
    return stack


def run(rnns, x, mask=None):
    """What one layer makes of a sequence, by Keras' own loop."""
    outputs = []
    for rnn in rnns:
        layer = keras.layers.RNN(
            rnn.cell,
            return_sequences=True,
            go_backwards=rnn.go_backwards,
            zero_output_for_mask=True,
        )
        y = np.asarray(layer(x.astype("float32"), mask=mask))
        outputs.append(y[:, ::-1] if rnn.go_backwards else y)
    return np.concatenate(outputs, axis=-1)


def normalized(layer, x):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * layer.scale.numpy()


def feed_forward(layer, x):
    w = {weight.name: weight.numpy() for weight in layer.weights}
    gate, value = (x @ w[f"{n}_kernel"] + w[f"{n}_bias"] for n in ("gate", "value"))
    gelu = gate / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
    return gelu * value @ w["output_kernel"] + w["output_bias"]


def by_equations(stack, x, mask=None):
    n = 2 if stack.bidirectional else 1
    layers = [stack.rnns[i : i + n] for i in range(0, len(stack.rnns), n)]
    if stack.residual:
        return residual(stack.connections, layers, x, mask)
    hidden = []
    for rnns in layers:
        read = hidden[-1] if hidden else x
        if hidden and stack.skip_connections in ("inputs", "both"):
            read = np.concatenate([read, x], axis=-1)
        hidden.append(run(rnns, read, mask))
    all_layers = stack.skip_connections in ("outputs", "both")
    return np.concatenate(hidden, axis=-1) if all_layers else hidden[-1]


def residual(parts, layers, x, mask):
    if x.shape[-1] != parts.output_size:
        x = x @ parts.input_projection.kernel.numpy()
    for n, rnns in enumerate(layers):
        hidden = run(rnns, normalized(parts.norms[n], x), mask)
        if hidden.shape[-1] != parts.output_size:
            hidden = hidden @ parts.output_projections[str(n)].kernel.numpy()
        x = x + hidden
        if parts.feed_forwards:
            read = normalized(parts.feed_forward_norms[n], x)
            x = x + feed_forward(parts.feed_forwards[n], read)
    outputs = normalized(parts.last_norm, x)
    return outputs if mask is None else outputs * mask[..., None]


@pytest.mark.everyday(7)
@every_kind
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_equations(kind, bidirectional, mask):
    stack, x = make(kind, bidirectional=bidirectional), sequences()
    outputs, states = stack(x, mask=mask)
    np.testing.assert_allclose(outputs, by_equations(stack, x, mask), rtol=1e-4, atol=1e-5)
    assert outputs.shape[-1] == stack.output_size
    assert [s.shape[-1] for s in states[:: 1 + bidirectional]] == [5, 3, UNITS]
    assert stack.compute_output_shape(x.shape)[0] == tuple(outputs.shape)


def test_inputs_and_layers_of_the_width_are_not_projected():
    stack = make("blocks", (UNITS, UNITS), features=UNITS)
    x = sequences(features=UNITS)
    np.testing.assert_allclose(stack(x)[0], by_equations(stack, x), rtol=1e-4, atol=1e-5)
    assert not [w.path for w in stack.weights if "projection" in w.path]
    expected = 2 * (3 * (2 * UNITS**2 + 2 * UNITS) + 3 * UNITS * 6 + 2 * 6 + UNITS) + 5 * UNITS
    assert stack.count_params() == expected


@every_kind
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_single_steps_equal_the_sequence(kind, cell):
    stack, x = make(kind, cell=cell, dropout=0.5), sequences()
    outputs, final = stack(x)
    states = stack.get_initial_state(3)
    for t in range(STEPS):
        output, states = stack.step(x[:, t], states)
        np.testing.assert_allclose(output, outputs[:, t], rtol=1e-4, atol=1e-5)
    assert_states_equal(states, [s if isinstance(s, list) else [s] for s in final], atol=1e-5)


@every_kind
def test_a_saved_stack(kind, tmp_path):
    stack = make(kind, return_state=False, dropout=0.5)
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), stack])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(sequences()), model(sequences()))


def test_dropout_of_a_block_acts_on_what_is_added():
    """With nearly everything dropped, what goes past the layers is what comes out."""
    stack = make("blocks", (UNITS, UNITS), features=UNITS, dropout=1 - 1e-6)
    x = sequences(features=UNITS)
    expected = normalized(stack.connections.last_norm, x)
    np.testing.assert_allclose(stack(x, training=True)[0], expected, rtol=1e-5, atol=1e-6)
    assert len(stack.dropouts) == 4
    assert len(make("residual", dropout=0.5).dropouts) == 3


def test_dropout_of_skip_connections_acts_on_the_layer_below_alone():
    stack = make("both", (UNITS, UNITS), dropout=1 - 1e-6)
    x = sequences()
    first, second = stack.rnns
    hidden = run([first], x)
    read = np.concatenate([np.zeros_like(hidden), x], axis=-1)
    expected = np.concatenate([hidden, run([second], read)], axis=-1)
    np.testing.assert_allclose(stack(x, training=True)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skip_connections": "all"}, "`skip_connections` must be one of 'none', 'inputs', "),
        ({"residual": 2}, "`residual` must be true or false. Received: residual=2"),
        ({"feed_forward": 3}, "`feed_forward` needs `residual`"),
        ({"residual": True, "feed_forward": -1}, "`feed_forward` must be from 0 to 64"),
        ({"residual": True, "skip_connections": "both"}, "exclude each other"),
    ],
    ids=str,
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        RecurrentStack("gru", UNITS, **options)
