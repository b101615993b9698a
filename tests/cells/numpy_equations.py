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


def min_gru(x, states, weights, activation=None):
    kernel, *bias = weights
    W_z, W_h = blocks(kernel, 2)
    b_z, b_h = blocks(bias[0], 2) if bias else (0, 0)
    (H,) = states
    Z = sigmoid(x @ W_z + b_z)
    H = (1 - Z) * H + Z * ACTIVATIONS[activation](x @ W_h + b_h)
    return H, [H]


def min_lstm(x, states, weights, activation=None):
    kernel, *bias = weights
    W_i, W_f, W_h = blocks(kernel, 3)
    b_i, b_f, b_h = blocks(bias[0], 3) if bias else (0, 0, 0)
    (H,) = states
    I = sigmoid(x @ W_i + b_i)  # noqa: E741
    F = sigmoid(x @ W_f + b_f)
    candidate = ACTIVATIONS[activation](x @ W_h + b_h)
    H = F / (F + I) * H + I / (F + I) * candidate
    return H, [H]


def rg_lru(x, states, weights, activation=None):
    kernel, *bias, L = weights
    W_r, W_i, W_u = blocks(kernel, 3)
    b_r, b_i, b_u = blocks(bias[0], 3) if bias else (0, 0, 0)
    (H,) = states
    R = sigmoid(x @ W_r + b_r)
    I = sigmoid(x @ W_i + b_i)  # noqa: E741
    U = ACTIVATIONS[activation](x @ W_u + b_u)
    A = sigmoid(L) ** (8 * R)
    H = A * H + np.sqrt(1 - A**2) * (I * U)
    return H, [H]


def normalised(a):
    mean, variance = a.mean(-1, keepdims=True), a.var(-1, keepdims=True)
    return (a - mean) / np.sqrt(variance + 1e-5)


def layer_norm_lstm(x, states, weights, activation="tanh"):
    W_x, W_h, *rest = weights
    b, scale_x, scale_h, scale_c, shift_c = rest if len(rest) == 5 else (0, *rest, 0)
    H, C = states
    a = scale_x * normalised(x @ W_x) + scale_h * normalised(H @ W_h) + b
    i, f, candidate, o = blocks(a, 4)
    φ = ACTIVATIONS[activation]
    C = sigmoid(f) * C + sigmoid(i) * φ(candidate)
    H = sigmoid(o) * φ(scale_c * normalised(C) + shift_c)
    return H, [H, C]


def mogrifier(x, states, weights, activation="tanh"):
    """Five rounds; three of Q, then two of R, in turns."""
    W_x, W_h, *rest = weights
    b, Q_1, R_2, Q_3, R_4, Q_5 = rest if len(rest) == 6 else (0, *rest)
    H, C = states
    x = 2 * sigmoid(H @ Q_1) * x
    H = 2 * sigmoid(x @ R_2) * H
    x = 2 * sigmoid(H @ Q_3) * x
    H = 2 * sigmoid(x @ R_4) * H
    x = 2 * sigmoid(H @ Q_5) * x
    i, f, candidate, o = blocks(x @ W_x + H @ W_h + b, 4)
    F = sigmoid(f)
    I = np.minimum(sigmoid(i), 1 - F)  # noqa: E741
    φ = ACTIVATIONS[activation]
    C = F * C + I * φ(candidate)
    H = sigmoid(o) * φ(C)
    return H, [H, C]
