"""Gradient norms through time against Jacobians written out in float64.

Derivatives of the NumPy equations are taken with a complex step, which is exact to rounding.
"""

import keras
import numpy as np
import pytest
from cells.numpy_equations import gru_reset_after, lstm, simple_rnn

from tfseq.analysis.gradient_norms import gradient_norms_through_time
from tfseq.models import LanguageModel

EQUATIONS = {"rnn": simple_rnn, "gru": gru_reset_after, "lstm": lstm}
V, B, T, UNITS = 7, 2, 6, 3
ε = 1e-30


def make_model(cell, num_layers=1, embedding_size=None, scale=0.8, **options):
    options = {"dtype": "float64", "units": UNITS, **options}
    model = LanguageModel(
        V, cell=cell, num_layers=num_layers, embedding_size=embedding_size, **options
    )
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(scale=scale, size=w.shape) for w in model.get_weights()])
    return model


def draw_batch(rows=B, steps=T):
    ids = np.random.default_rng(1).integers(0, V, (rows, steps + 1))
    return ids[:, :-1], ids[:, 1:]


class ByHand:
    """One row of a batch through the NumPy equations, with a place to disturb a state."""

    def __init__(self, model, inputs, target):
        self.inputs, self.target = inputs, target
        self.equation = EQUATIONS[model.cell]
        self.table = np.eye(V)
        if model.embedding is not None:
            self.table = np.asarray(model.embedding.embeddings, "float64")
        self.weights = [
            [np.asarray(w, "float64") for w in rnn.cell.weights] for rnn in model.stack.rnns
        ]
        self.output = np.asarray(model.output_kernel), np.asarray(model.output_bias)
        self.parts = len(model.stack.rnns[0].cell.get_initial_state(1))
        self.units = model.units

    def run(self, step=None, layer=None, entry=0):
        """Loss, and the last states, with `iε` added to an entry of a state after `step`."""
        states = [[np.zeros(self.units)] * self.parts for _ in self.weights]
        for t, token in enumerate(self.inputs):
            x = self.table[token]
            for k, weights in enumerate(self.weights):
                _, states[k] = self.equation(x, states[k], weights)
                if (t, k) == (step, layer):
                    flat = np.concatenate(states[k]).astype(complex)
                    flat[entry] += 1j * ε
                    states[k] = np.split(flat, self.parts)
                x = states[k][0]
        kernel, bias = self.output
        logits = x @ kernel + bias
        loss = np.log(np.exp(logits).sum()) - logits[self.target]
        return loss, [np.concatenate(s) for s in states]

    def derivatives(self, step, layer):
        """∂L_T/∂s_t and ∂s_T/∂s_t of a layer."""
        size = self.parts * self.units
        runs = [self.run(step, layer, entry) for entry in range(size)]
        gradient = np.array([np.imag(loss) for loss, _ in runs]) / ε
        jacobian = np.array([np.imag(states[layer]) for _, states in runs]).T / ε
        return gradient, jacobian


def expected_norms(model, batch, part="state", order=2):
    num_layers, steps = len(model.stack.rnns), batch[0].shape[1]
    loss, states = np.zeros([2, num_layers, steps])
    for inputs, targets in zip(*batch, strict=True):
        row = ByHand(model, inputs, targets[-1])
        own = {"state": slice(None), "h": slice(0, row.units), "c": slice(row.units, None)}[part]
        for layer in range(num_layers):
            for t in range(steps):
                gradient, jacobian = row.derivatives(t, layer)
                loss[layer, t] += np.linalg.norm(gradient[own]) / len(batch[0])
                states[layer, t] += np.linalg.norm(jacobian[own, own], order) / len(batch[0])
    return loss, states


@pytest.mark.parametrize("cell", EQUATIONS)
@pytest.mark.parametrize(("num_layers", "embedding_size"), [(1, None), (2, 4)])
def test_against_explicit_jacobians(cell, num_layers, embedding_size):
    model, batch = make_model(cell, num_layers, embedding_size), draw_batch()
    norms = gradient_norms_through_time(model, batch)
    loss, states = expected_norms(model, batch)
    np.testing.assert_allclose(norms.loss, loss, rtol=1e-9)
    np.testing.assert_allclose(norms.states, states, rtol=1e-9)
    np.testing.assert_allclose(norms.states[:, -1], 1, rtol=1e-12)


@pytest.mark.parametrize("part", ["h", "c"])
def test_the_parts_of_an_lstm(part):
    model, batch = make_model("lstm", num_layers=2), draw_batch()
    norms = gradient_norms_through_time(model, batch, part=part, norm="frobenius")
    loss, states = expected_norms(model, batch, part, order="fro")
    np.testing.assert_allclose(norms.loss, loss, rtol=1e-9)
    np.testing.assert_allclose(norms.states, states, rtol=1e-9)
    # The loss reads h at the last step, and c not at all.
    assert (norms.loss[-1, -1] == 0) == (part == "c")


def test_products_of_jacobians_are_submultiplicative():
    """‖J_T ... J_{t+1}‖ ≤ ∏ ‖J_k‖, each factor being the norm of a window of two steps."""
    model = make_model("gru")
    inputs, targets = draw_batch(rows=1)
    whole = gradient_norms_through_time(model, (inputs, targets)).states[0]
    factors = []
    for t in range(1, T):
        _, states = model(inputs[:, : t - 1], return_states=True) if t > 1 else (None, None)
        window = inputs[:, t - 1 : t + 1], targets[:, t - 1 : t + 1]
        factors.append(gradient_norms_through_time(model, window, states=states).states[0, 0])
    bounds = np.cumprod(factors[::-1])[::-1]
    assert (whole[:-1] <= bounds * (1 + 1e-9)).all()
    assert whole[-2] == pytest.approx(factors[-1])


def test_what_float32_cannot_hold_is_kept():
    """After 250 steps of a weak recurrence a gradient is far below float32's 1e-45."""
    model = make_model("rnn", scale=0.1, dtype="float32")
    inputs, targets = draw_batch(rows=1, steps=250)
    norms = gradient_norms_through_time(model, (inputs, targets))
    row = ByHand(model, inputs[0], targets[0, -1])
    W_hh, h, product, expected = row.weights[0][1], np.zeros(UNITS), np.eye(UNITS), [1.0]
    path = [h := simple_rnn(row.table[x], [h], row.weights[0])[0] for x in inputs[0]]
    for h in path[:0:-1]:
        product = product @ ((1 - h**2)[:, None] * W_hh.T)
        expected.append(np.linalg.norm(product, 2))
    assert expected[-1] < 1e-140
    np.testing.assert_allclose(norms.states[0], expected[::-1], rtol=1e-3)
    assert 0 < norms.loss[0, 0] < 1e-140


def test_states_and_rows():
    """The mean over rows; windows that begin from a carried state."""
    model, (inputs, targets) = make_model("lstm", num_layers=2), draw_batch()
    together = gradient_norms_through_time(model, (inputs, targets))
    alone = [gradient_norms_through_time(model, (inputs[[b]], targets[[b]])) for b in range(B)]
    np.testing.assert_allclose(together.loss, np.mean([n.loss for n in alone], axis=0))
    np.testing.assert_allclose(together.states, np.mean([n.states for n in alone], axis=0))
    _, states = model(inputs[:, :2], return_states=True)
    late = gradient_norms_through_time(model, (inputs[:, 2:], targets[:, 2:]), states=states)
    np.testing.assert_allclose(late.loss, together.loss[:, 2:])
    np.testing.assert_allclose(late.states, together.states[:, 2:])


def test_other_cells():
    """A cell of Keras, in place of ours with the same weights; one that hides its state."""

    class Hiding(keras.layers.SimpleRNNCell):
        def call(self, sequence, states, training=False):
            output, states = super().call(sequence, states, training=training)
            return 2 * output, states

    ours, batch = make_model("lstm"), draw_batch()
    theirs = LanguageModel(
        V,
        cell=lambda units: keras.layers.LSTMCell(units, dtype="float64"),
        units=UNITS,
        dtype="float64",
    )
    theirs.set_weights(ours.get_weights())
    norms = [gradient_norms_through_time(model, batch) for model in (ours, theirs)]
    np.testing.assert_allclose(norms[0].loss, norms[1].loss)
    np.testing.assert_allclose(norms[0].states, norms[1].states)
    hiding = LanguageModel(V, cell=Hiding, units=UNITS)
    with pytest.raises(ValueError, match=r"must be their first state\. Received: Hiding"):
        gradient_norms_through_time(hiding, batch)


def test_bfloat16():
    """Weights and steps of eight bits: norms within a tenth."""
    exact, rough = make_model("gru"), make_model("gru", dtype="mixed_bfloat16")
    norms = [gradient_norms_through_time(model, draw_batch()) for model in (exact, rough)]
    np.testing.assert_allclose(norms[1].loss, norms[0].loss, rtol=0.1)
    np.testing.assert_allclose(norms[1].states, norms[0].states, rtol=0.1)


def test_errors():
    model, batch = make_model("gru"), draw_batch()
    assert gradient_norms_through_time(model, batch, norm=None).states is None
    for change, words in [
        ({"part": "c"}, "`part` must be"),
        ({"norm": "nuclear"}, "`norm` must be"),
        ({"batch": (batch[0], batch[1][:, :2])}, "`batch` must be"),
        ({"batch": (batch[0] + 0.5, batch[1])}, "`batch` must be"),
        ({"batch": (batch[0][:, :0], batch[1][:, :0])}, "`batch` must be"),
    ]:
        with pytest.raises(ValueError, match=words):
            gradient_norms_through_time(**{"model": model, "batch": batch, **change})
