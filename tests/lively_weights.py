"""Weights at which a model's answers differ much, and do not hang on the last bit of a sum."""

import numpy as np


def draw_weights(model, seed, scale=0.8):
    """Draw every weight of a model; a simple RNN forgets small differences at every step.

    H_t = tanh(X_t W_xh + H_{t−1} W_hh + b) brings two states nearer to each other where W_hh
    shortens every vector. With large weights it does the opposite: after 200 steps at this scale
    the last bit of one sum has become a twentieth of the perplexity, so two processors, which add
    in different orders, give two numbers and neither is wrong.
    """
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(scale=scale, size=weight.shape)
        if model.cell == "rnn" and weight.name == "recurrent_kernel":
            value *= 0.9 / np.linalg.norm(value, 2)
        weight.assign(value)
