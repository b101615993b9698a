"""The adaptive softmax against NumPy's equations, its loss by chunks, and torch where there is."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.models.output import fused_cross_entropy as module
from tfseq.models.output.adaptive_softmax import AdaptiveSoftmax
from tfseq.models.output.fused_cross_entropy import fused_cross_entropy
from tfseq.models.output.token_losses import token_losses

D, V, CUTOFFS, N = 16, 60, (7, 25), 90
RNG = np.random.default_rng(0)


def make_layer():
    layer = AdaptiveSoftmax(D, V, CUTOFFS)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(scale=0.6, size=w.shape) for w in layer.weights])
    return layer


def draw():
    return RNG.normal(size=[N, D]).astype("float32"), RNG.integers(0, V, N).astype("int32")


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def numpy_log_probabilities(layer, hidden):
    w = {v.name: np.asarray(v, "float64") for v in layer.weights}
    head = log_softmax(hidden @ w["head_kernel"] + w["head_bias"])
    parts = [head[:, :7]]
    for i in (1, 2):
        tail = log_softmax(hidden @ w[f"projection_{i}"] @ w[f"kernel_{i}"])
        parts.append(head[:, 6 + i, None] + tail)
    return np.concatenate(parts, 1)


def test_log_probabilities_are_those_of_the_equations():
    layer, (hidden, _) = make_layer(), draw()
    assert [w.shape for w in layer.weights] == [(16, 9), (9,), (16, 4), (4, 18), (16, 1), (1, 35)]
    actual = layer(hidden)
    np.testing.assert_allclose(actual, numpy_log_probabilities(layer, hidden), atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(actual), 1), 1, rtol=1e-5)


@pytest.mark.slow
def test_log_probabilities_and_gradients_are_those_of_torch():
    torch = pytest.importorskip("torch")
    layer, (hidden, targets) = make_layer(), draw()
    peer = torch.nn.AdaptiveLogSoftmaxWithLoss(D, V, list(CUTOFFS), div_value=4, head_bias=True)
    kernel, bias, *tails = (torch.tensor(np.asarray(w)) for w in layer.weights)
    with torch.no_grad():
        peer.head.weight.copy_(kernel.T)
        peer.head.bias.copy_(bias)
        for i in range(2):
            peer.tail[i][0].weight.copy_(tails[2 * i].T)
            peer.tail[i][1].weight.copy_(tails[2 * i + 1].T)
    h = torch.tensor(hidden, requires_grad=True)
    expected = peer(h, torch.tensor(targets.astype("int64"))).loss
    expected.backward()
    np.testing.assert_allclose(layer(hidden), peer.log_prob(h).detach(), atol=1e-5)
    with tf.GradientTape() as tape:
        x = tf.constant(hidden)
        tape.watch(x)
        loss = layer.mean_loss(x, tf.constant(targets))
    dx, *gradients = tape.gradient(loss, [x, *(w.value for w in layer.weights)])
    assert float(loss) == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(dx, h.grad, atol=1e-6)
    heads = [peer.head.weight.grad.T, peer.head.bias.grad]
    of_tails = [m.weight.grad.T for tail in peer.tail for m in tail]
    for a, b in zip(gradients, heads + of_tails, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.everyday(2)
@pytest.mark.parametrize("rows", [7, 1, 64])
@pytest.mark.parametrize("by_xla", [False, True])
def test_the_loss_of_chunks_is_that_of_all_rows(monkeypatch, rows, by_xla):
    """None of a chunk counts, some do, all do; and the last chunk is not full."""
    monkeypatch.setattr(module, "_ROWS", rows)
    rng = np.random.default_rng(rows)
    h, w = (tf.constant(rng.normal(size=s), tf.float32) for s in ([23, 5], [5, 11]))
    y = tf.constant(rng.integers(0, 11, 23), tf.int32)
    for counting in (np.zeros(23), np.ones(23), rng.integers(0, 2, 23)):
        counts = tf.constant(counting == 1)
        # What does not count may be no class at all.
        labels = tf.where(counts, y, -5)

        @tf.function(jit_compile=by_xla)
        def both(h, w, labels=labels, counts=counts):
            with tf.GradientTape() as tape:
                tape.watch([h, w])
                loss = 2 * fused_cross_entropy(h, w, labels, counts)
            return loss, tape.gradient(loss, [h, w])

        with tf.GradientTape() as tape:
            tape.watch([h, w])
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, h @ w)
            expected = 2 * tf.reduce_sum(losses * tf.cast(counts, tf.float32))
        loss, gradients = both(h, w)
        assert float(loss) == pytest.approx(float(expected), rel=1e-5)
        for a, b in zip(gradients, tape.gradient(expected, [h, w]), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_exact_losses_of_chunks_are_those_of_all_tokens(monkeypatch):
    from tfseq.models.output import token_losses as tokens

    layer, (hidden, targets) = make_layer(), draw()
    shape = [9, 10]
    hidden, targets = hidden.reshape([*shape, D]), targets.reshape(shape)
    whole = token_losses(layer, hidden, targets, V)
    expected = -numpy_log_probabilities(layer, hidden.reshape(-1, D))
    expected = expected[np.arange(N), targets.ravel()].reshape(shape)
    np.testing.assert_allclose(whole, expected, rtol=1e-5)
    monkeypatch.setattr(tokens, "_MANY_SYMBOLS", 10)
    for chunk in (1, 7, 90, 1000):
        monkeypatch.setattr(tokens, "_CHUNK_LOGITS", chunk * V)
        np.testing.assert_allclose(token_losses(layer, hidden, targets, V), whole, rtol=1e-6)


@pytest.mark.parametrize("cutoffs", [[], [0, 5], [5, 5], [8, 3], [5, 60]])
def test_cutoffs_rise_within_the_classes(cutoffs):
    with pytest.raises(ValueError, match="`cutoffs` must be rising integers from 1 to 59"):
        AdaptiveSoftmax(D, V, cutoffs)
