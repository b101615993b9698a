"""The equations of the cells, gate by gate in NumPy, from weights in Keras' layout."""

import numpy as np

ACTIVATIONS = {
    "tanh": np.tanh,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "relu": lambda a: np.maximum(a, 0),
    None: lambda a: a,
}
sigmoid = ACTIVATIONS["sigmoid"]


def blocks(array, count):
    return np.split(array, count, axis=-1)


def simple_rnn(x, states, weights, activation="tanh"):
    W_xh, W_hh, *b_h = weights
    (H,) = states
    H = ACTIVATIONS[activation](x @ W_xh + H @ W_hh + (b_h[0] if b_h else 0))
    return H, [H]


def gru_textbook(x, states, weights, activation="tanh"):
    kernel, recurrent, *bias = weights
    W_xz, W_xr, W_xh = blocks(kernel, 3)
    W_hz, W_hr, W_hh = blocks(recurrent, 3)
    b_z, b_r, b_h = blocks(bias[0], 3) if bias else (0, 0, 0)
    (H,) = states
    Z = sigmoid(x @ W_xz + H @ W_hz + b_z)
    R = sigmoid(x @ W_xr + H @ W_hr + b_r)
    candidate = ACTIVATIONS[activation](x @ W_xh + (R * H) @ W_hh + b_h)
    H = Z * H + (1 - Z) * candidate
    return H, [H]


def gru_reset_after(x, states, weights, activation="tanh"):
    kernel, recurrent, *bias = weights
    W_xz, W_xr, W_xh = blocks(kernel, 3)
    W_hz, W_hr, W_hh = blocks(recurrent, 3)
    b_z, b_r, b_h = blocks(bias[0][0], 3) if bias else (0, 0, 0)
    c_z, c_r, c_h = blocks(bias[0][1], 3) if bias else (0, 0, 0)
    (H,) = states
    Z = sigmoid(x @ W_xz + b_z + H @ W_hz + c_z)
    R = sigmoid(x @ W_xr + b_r + H @ W_hr + c_r)
    candidate = ACTIVATIONS[activation](x @ W_xh + b_h + R * (H @ W_hh + c_h))
    H = Z * H + (1 - Z) * candidate
    return H, [H]


def lstm(x, states, weights, activation="tanh"):
    kernel, recurrent, *bias = weights
    W_xi, W_xf, W_xc, W_xo = blocks(kernel, 4)
    W_hi, W_hf, W_hc, W_ho = blocks(recurrent, 4)
    b_i, b_f, b_c, b_o = blocks(bias[0], 4) if bias else (0, 0, 0, 0)
    H, C = states
    I = sigmoid(x @ W_xi + H @ W_hi + b_i)  # noqa: E741
    F = sigmoid(x @ W_xf + H @ W_hf + b_f)
    O = sigmoid(x @ W_xo + H @ W_ho + b_o)  # noqa: E741
    φ = ACTIVATIONS[activation]
    C = F * C + I * φ(x @ W_xc + H @ W_hc + b_c)
    H = O * φ(C)
    return H, [H, C]
