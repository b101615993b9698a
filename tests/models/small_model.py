"""A language model small enough to be computed by hand."""

import numpy as np
import pytest
import tensorflow as tf
from cells.numpy_equations import gru_reset_after, lstm, simple_rnn

from tfseq.models import LanguageModel

V, B, T = 11, 3, 5
EQUATIONS = {"rnn": simple_rnn, "gru": gru_reset_after, "lstm": lstm}
each_cell = pytest.mark.parametrize("cell", EQUATIONS)


def make_model(cell="gru", units=5, num_layers=2, **options):
    """A model whose weights, biases too, are all drawn at large."""
    model = LanguageModel(V, cell=cell, units=units, num_layers=num_layers, **options)
    rng = np.random.default_rng(3)
    for weight in model.weights:
        if weight.dtype.startswith(("float", "bfloat")):
            weight.assign(rng.normal(scale=0.7, size=weight.shape))
    return model


def draw_ids(seed=0, shape=(B, T)):
    return np.random.default_rng(seed).integers(0, V, shape).astype("int32")


def draw_states(model, seed=5):
    rng = np.random.default_rng(seed)
    return tf.nest.map_structure(
        lambda s: rng.normal(scale=0.5, size=s.shape).astype("float32"), model.initial_states(B)
    )


def close(actual, expected, tolerance=1e-5):
    for a, e in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(e), rtol=tolerance, atol=tolerance)
