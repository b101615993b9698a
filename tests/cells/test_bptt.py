"""Back-propagation through time, against the sums of the textbook written out in float64."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.linalg import matrix_power

from tfseq.cells import SimpleRNNCell
from tfseq.layers import RNN

T, FEATURES, UNITS, OUTPUTS = 6, 3, 4, 2


def network(activation, seed=0):
    """A SimpleRNN over T steps of one sequence, o_t = W_qh h_t, and L = Σ g_t · o_t."""
    rng = np.random.default_rng(seed)
    layer = RNN(SimpleRNNCell(UNITS, activation, dtype="float64"), True, dtype="float64")
    layer.build((1, T, FEATURES))
    layer.set_weights([rng.normal(size=w.shape) / 2 for w in layer.weights])
    x = rng.normal(size=(T, FEATURES))
    W_qh, g = rng.normal(size=(OUTPUTS, UNITS)), rng.normal(size=(T, OUTPUTS))
    return layer, x, W_qh, g


def gradients(layer, x, W_qh, g, loop):
    """∂L/∂x, ∂L/∂kernel, ∂L/∂recurrent_kernel, ∂L/∂bias, and the states h, by one of the loops."""

    def run(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            h = layer(inputs, training=True)
            loss = tf.reduce_sum(h @ W_qh.T * g)
        return tape.gradient(loss, [inputs, *(w.value for w in layer.weights)]), h[0]

    if loop == "compiled":
        run = tf.function(run, autograph=False)
    elif loop == "graph":
        # XLA needs to know the number of steps.
        spec = tf.TensorSpec([None, None, FEATURES], tf.float64)
        run = tf.function(run, input_signature=[spec], autograph=False)
    found, h = run(tf.constant(x[None]))
    assert layer.last_loop.partition(":")[0] == loop
    return [np.asarray(f) for f in found], np.asarray(h)


# Our own back-propagation, compiled and as single operations; and that of Keras' loop.
LOOPS = pytest.mark.parametrize("loop", ["compiled", "graph", "keras"])


@LOOPS
def test_identity_activation_has_the_closed_form(loop):
    """∂L/∂h_t = Σ_{i=t}^{T} (W_hhᵀ)^{T−i} W_qhᵀ ∂L/∂o_{T+t−i}.

    Vectors are columns in the formula and rows in a cell: its W_hh is `recurrent_kernelᵀ`, its
    W_hx is `kernelᵀ`. Since h_t depends on x_t by W_hx x_t alone, ∂L/∂x_t = W_hxᵀ ∂L/∂h_t.
    """
    layer, x, W_qh, g = network(activation=None)
    (d_x, d_kernel, d_recurrent, d_bias), h = gradients(layer, x, W_qh, g, loop)
    W_hx, W_hh = (w.T for w in layer.get_weights()[:2])

    d_h = np.zeros((T + 1, UNITS))  # d_h[t] for t = 1 … T
    for t in range(1, T + 1):
        for i in range(t, T + 1):
            d_h[t] += matrix_power(W_hh.T, T - i) @ W_qh.T @ g[T + t - i - 1]

    h_before = np.concatenate([np.zeros((1, UNITS)), h[:-1]])
    np.testing.assert_allclose(d_x[0], d_h[1:] @ W_hx, rtol=1e-10)
    np.testing.assert_allclose(d_kernel, sum(map(np.outer, x, d_h[1:])), rtol=1e-10)
    np.testing.assert_allclose(d_recurrent, sum(map(np.outer, h_before, d_h[1:])), rtol=1e-10)
    np.testing.assert_allclose(d_bias, d_h[1:].sum(axis=0), rtol=1e-10)


@LOOPS
def test_tanh_has_the_sums_over_all_paths(loop):
    """∂L/∂w = Σ_t ∂L/∂h_t Σ_{i≤t} (Π_{j=i+1}^{t} ∂h_j/∂h_{j−1}) ∂⁺h_i/∂w.

    ∂⁺ is the derivative with h_{i−1} held fixed. Every pair of steps is summed on its own: no
    recursion from step to step, as the program has it.
    """
    layer, x, W_qh, g = network(activation="tanh", seed=1)
    (d_x, d_kernel, d_recurrent, d_bias), h = gradients(layer, x, W_qh, g, loop)
    W_hx, W_hh = (w.T for w in layer.get_weights()[:2])
    h_before = np.concatenate([np.zeros((1, UNITS)), h[:-1]])
    slope = 1 - h**2

    expected_x, expected_kernel = np.zeros((T, FEATURES)), np.zeros((FEATURES, UNITS))
    expected_recurrent, expected_bias = np.zeros((UNITS, UNITS)), np.zeros(UNITS)
    for t in range(T):
        for i in range(t + 1):
            path = np.eye(UNITS)
            for j in range(i + 1, t + 1):
                path = (slope[j][:, None] * W_hh) @ path
            reaching = (g[t] @ W_qh @ path) * slope[i]
            expected_x[i] += reaching @ W_hx
            expected_kernel += np.outer(x[i], reaching)
            expected_recurrent += np.outer(h_before[i], reaching)
            expected_bias += reaching

    np.testing.assert_allclose(d_x[0], expected_x, rtol=1e-9)
    np.testing.assert_allclose(d_kernel, expected_kernel, rtol=1e-9)
    np.testing.assert_allclose(d_recurrent, expected_recurrent, rtol=1e-9)
    np.testing.assert_allclose(d_bias, expected_bias, rtol=1e-9)
