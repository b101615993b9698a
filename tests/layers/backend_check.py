"""Run by test_backends.py in a child process, under another backend of Keras.

Compares cells, layers and interop with the numbers recorded from PyTorch, and prints the
largest relative error.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

import tfseq
from tfseq.interop import load_torch_weights, torch_state_dict

GOLDENS = np.load(Path(__file__).parents[1] / "interop" / "torch_goldens.npz")


def golden(prefix):
    start = prefix + "/"
    return {k.removeprefix(start): GOLDENS[k] for k in GOLDENS.files if k.startswith(start)}


def relative_error(ours, theirs):
    ours = ops.convert_to_numpy(ours)
    return float(np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs)))


def check_network(name, kind, num_layers, bidirectional, lengths=None):
    theirs = golden(name)
    stack = tfseq.RecurrentStack(kind, 4, num_layers, bidirectional)
    weights = golden(f"{name}/weights")
    load_torch_weights(stack, weights)
    initial = list(theirs["h_0"])
    if kind == "lstm":
        initial = [list(pair) for pair in zip(theirs["h_0"], theirs["c_0"], strict=True)]
    mask = None if lengths is None else np.arange(5) < np.array(lengths)[:, None]
    outputs, states = stack(theirs["inputs"], initial_state=initial, mask=mask)
    h_n = ops.stack([s[0] if kind == "lstm" else s for s in states])
    names = torch_state_dict(stack)
    assert set(names) == set(weights)
    assert all(relative_error(names[k], weights[k]) == 0 for k in weights if "weight" in k)
    return max(relative_error(outputs, theirs["outputs"]), relative_error(h_n, theirs["h_n"]))


def check_cell(kind, cell):
    theirs = golden(f"cell_{kind}")
    load_torch_weights(cell, golden(f"cell_{kind}/weights"))
    states = [theirs["h_0"], theirs["c_0"]][: cell.num_states]
    output, _ = cell(theirs["inputs"], states)
    return relative_error(output, theirs["h_1"])


def check_empty(steps, batch):
    layer = tfseq.RNN(tfseq.LSTMCell(4), return_sequences=True, return_state=True)
    before = [np.full((batch, 4), value, "float32") for value in (1, 2)]
    outputs, *after = layer(np.ones((batch, steps, 3), "float32"), initial_state=before)
    assert tuple(outputs.shape) == (batch, steps, 4)
    if steps == 0:
        for ours, expected in zip(after, before, strict=True):
            np.testing.assert_array_equal(ops.convert_to_numpy(ours), expected)


def check_scan(cell):
    """All steps at once and one after the other; what chooses by itself is one of the two."""
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(2, 37, 3)).astype("float32"), rng.random((2, 37)) < 0.7
    layers = [
        tfseq.RNN(cell(4), return_sequences=True, return_state=True, parallel=parallel)
        for parallel in (True, False, None)
    ]
    for layer in layers:
        layer.build((2, 37, 3))
        layer.set_weights(layers[0].get_weights())
    scanned, stepped, chosen = ([*layer(x), *layer(x, mask=mask)] for layer in layers)
    assert layers[0].last_loop == "scan"
    # The gradient is asked for by `fit`, which comes to the same weights.
    weights = []
    for layer in layers[:2]:
        model = keras.Sequential([keras.Input((37, 3)), layer])
        model = keras.Model(model.inputs, model.outputs[0])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(x, np.ones((2, 37, 4)), epochs=3, verbose=0)
        weights.append(layer.get_weights())
    pairs = [*zip(scanned, stepped, strict=True), *zip(chosen, stepped, strict=True)]
    pairs += zip(*weights, strict=True)
    return max(relative_error(a, ops.convert_to_numpy(b)) for a, b in pairs)


def check_training_and_saving():
    x = np.random.default_rng(0).normal(size=(16, 5, 2)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((None, 2)),
            tfseq.RNN(tfseq.SimpleRNNCell(8), return_sequences=True),
            tfseq.RecurrentStack("gru", 8, 2, True, dropout=0.1, return_state=False),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    losses = model.fit(x, np.cumsum(x, 1)[..., :1], epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )


def check_noise():
    """Training draws anew, inference has the expected value, and the weights stay in place."""
    x = np.random.default_rng(0).normal(size=(16, 5, 2)).astype("float32")
    settings = {"weight_dropout": 0.3, "recurrent_dropout": 0.2, "zoneout": 0.4}
    layer = tfseq.RNN(tfseq.LSTMCell(4), return_sequences=True, **settings)
    outputs = [ops.convert_to_numpy(layer(x, training=True)) for _ in range(2)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
    expected, states = ops.convert_to_numpy(layer(x)), layer.get_initial_state(16)
    for t in range(5):
        output, states = layer.step(x[:, t], states)
        np.testing.assert_allclose(ops.convert_to_numpy(output), expected[:, t], rtol=1e-5)
    assert isinstance(layer.cell.recurrent_kernel, keras.Variable)
    stack = tfseq.RecurrentStack(
        "gru", 8, 2, dropout=0.3, dropout_mask="window", return_state=False, **settings
    )
    model = keras.Sequential([keras.Input((5, 2)), stack, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, x[..., :1], epochs=2, verbose=0)


def main():
    errors = [
        check_network("rnn_two_layers", "rnn", 2, False),
        check_network("gru_deep_bidirectional", "gru", 3, True),
        check_network("gru_packed", "gru", 2, True, lengths=(2, 5, 1)),
        check_network("lstm_deep_bidirectional", "lstm", 3, True),
        check_network("lstm_packed", "lstm", 2, True, lengths=(5, 3, 4)),
        check_cell("rnn", tfseq.SimpleRNNCell(4)),
        check_cell("gru", tfseq.GRUCell(4)),
        check_cell("lstm", tfseq.LSTMCell(4)),
        check_scan(tfseq.cells.MinGRUCell),
        check_scan(tfseq.cells.RGLRUCell),
    ]
    for steps, batch in [(0, 2), (5, 0), (0, 0)]:
        check_empty(steps, batch)
    check_training_and_saving()
    check_noise()
    print(f"{keras.backend.backend()} {max(errors):.2e}")


if __name__ == "__main__":
    main()
