"""The comparison of two layers finds what differs."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from both_layers import compare
from cell_settings import VALUES, Setting, covering_settings, for_case, meaning
from comparison import differences
from published_cells.case import UNITS, Case

EAGER = Setting("eager", batch=2, mask="holes")
CASE = Case(lambda: keras.layers.SimpleRNNCell(UNITS))


class _Wrong(keras.layers.RNN):
    def call(self, sequences, **arguments):
        y, *states = super().call(sequences, **arguments)
        return self.wrong(y), *states

    def wrong(self, y):
        return y


class _Scaled(_Wrong):
    def wrong(self, y):
        return y * 1.0001


class _Stopped(_Wrong):
    def wrong(self, y):
        return tf.stop_gradient(y)


class _Unmasked(keras.layers.RNN):
    def call(self, sequences, mask=None, **arguments):
        return super().call(sequences, **arguments)


class _Refusing(keras.layers.RNN):
    def call(self, sequences, **arguments):
        raise ValueError("not\nthis one")


class _Marking(keras.layers.RNN):
    """Leaves a mark on its cell: the second call is another."""

    calls = 0

    def call(self, sequences, **arguments):
        self.calls += 1
        return super().call(sequences * (1.0 if self.calls < 3 else 1.1), **arguments)


def test_a_layer_is_the_same_as_itself():
    comparison = compare(CASE, EAGER, keras.layers.RNN)
    assert comparison.same
    assert comparison.worst == 0
    names = {"x", "state 0", "weight 0 kernel", "weight 1 recurrent_kernel", "weight 2 bias"}
    assert {f"gradient of {name}" for name in names} < comparison.differences.keys()


@pytest.mark.parametrize(
    ("layer_type", "found"),
    [
        (_Scaled, "result 0"),
        (_Stopped, "gradient of x"),
        (_Unmasked, "result 1"),
        (_Marking, "afterwards 0"),
    ],
)
def test_a_layer_that_is_wrong_is_found(layer_type, found):
    comparison = compare(CASE, EAGER, layer_type)
    assert not comparison.same
    assert comparison.differences[found] > 5e-5


def test_a_step_of_training_that_is_wrong_is_found():
    comparison = compare(CASE, Setting("fit", batch=2), _Halved)
    assert comparison.differences["update of 0 kernel"] == pytest.approx(0.5, abs=1e-3)
    assert compare(CASE, Setting("fit", batch=2), keras.layers.RNN).same


class _Halved(keras.layers.RNN):
    def call(self, sequences, **arguments):
        y = super().call(sequences, **arguments)
        return 0.5 * y + tf.stop_gradient(0.5 * y)


def test_what_a_layer_refuses_is_told():
    comparison = compare(CASE, EAGER, _Refusing)
    assert not comparison.same
    assert str(comparison) == "tfseq refuses: ValueError: not this one"


def test_what_keras_refuses_is_allowed_and_told():
    comparison = compare(Case(lambda: object()), EAGER)
    assert comparison.same
    assert list(comparison.refusals) == ["keras", "tfseq"]


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [
        (np.array([1.0, 4.0]), np.array([1.0, 5.0]), 0.2),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), 0.0),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), np.inf),
        (np.array([np.inf]), np.array([np.inf]), 0.0),
        (np.array([1.0]), np.array([1.0], "float32"), np.inf),
        (np.array([1.0]), np.array([[1.0]]), np.inf),
        (np.array([True, False]), np.array([True, True]), 1.0),
        (np.array([1 + 2j]), np.array([1 - 2j]), 4 / 5**0.5),
        (np.array([0.0]), None, 0.0),
        (None, np.array([0.0]), 0.0),
        (np.array([1.0]), None, np.inf),
        (None, np.array([2.0]), 1.0),
        (None, None, 0.0),
        (np.array([1e-9]), np.array([0.0]), np.inf),
    ],
)
def test_differences(a, b, difference):
    found = differences({("result", 0): a}, {("result", 0): b})
    assert found == {"result 0": pytest.approx(difference)}


def test_what_is_negligible_beside_others_of_its_kind_is_no_scale():
    large, small, other = np.array([100.0]), np.array([1e-6]), np.array([2e-6])
    expected = {("result", 0): large, ("result", 1): small, ("state", 0): small}
    found = differences({key: other if b is small else b for key, b in expected.items()}, expected)
    assert found["result 1"] == pytest.approx(1e-5)
    assert found["state 0"] == pytest.approx(1.0)


def test_every_two_values_meet_in_one_setting():
    settings = covering_settings()
    assert len(settings) < 40
    assert all(s == meaning(s) for s in settings)
    free = [name for name in VALUES if name not in ("static", "training", "gradients", "given")]
    for first, second in itertools.combinations(free, 2):
        met = {(getattr(s, first), getattr(s, second)) for s in settings}
        possible = set(itertools.product(VALUES[first], VALUES[second]))
        # Without a mask, nothing has its output made zero.
        assert possible - met <= {("none", True)}


def test_a_setting_is_what_a_cell_can_do():
    setting = Setting("fit", mask="right", built="first call", zero_output_for_mask=True)
    case = Case(object, masks=False, differentiable=False, built="build")
    assert for_case(setting, case) == Setting("compiled", gradients=False)
