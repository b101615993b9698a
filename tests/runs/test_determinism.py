"""Determinism is asked for within a block, and afterwards as it was before."""

import keras
import pytest

from tfseq.runs.determinism import deterministic_operations


def is_asked_for():
    """Keras compiles by XLA where it is not, and warns where it is."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    try:
        model.compile("sgd", "mse", jit_compile=True)
    except UserWarning:
        return True
    return not model.jit_compile


def test_it_ends_with_the_outermost_block():
    assert not is_asked_for()
    with deterministic_operations():
        assert is_asked_for()
        with deterministic_operations():
            assert is_asked_for()
        assert is_asked_for()
    assert not is_asked_for()


def test_it_ends_with_an_exception():
    def stopped():
        with deterministic_operations():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not is_asked_for()
