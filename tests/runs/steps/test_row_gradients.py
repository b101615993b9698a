"""The gradient of a table of which a batch reads some rows, against a sum by NumPy."""

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfseq.runs.row_gradients import Rows, rows_of, summed_rows


@st.composite
def parts_of_a_table(draw):
    """Rows as parts of a batch read them, with the shares of the parts."""
    num_rows = draw(st.integers(1, 9))
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
    indices = [draw(st.lists(st.integers(0, num_rows - 1), min_size=n, max_size=n)) for n in sizes]
    shares = draw(
        st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=len(sizes), max_size=len(sizes))
    )
    return num_rows, indices, shares, draw(st.sampled_from([(), (3,), (2, 2)]))


def check(num_rows, indices, shares, shape, dtype="int32"):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(len(i), *shape)).astype("float32") for i in indices]
    expected = np.zeros((num_rows, *shape))
    for value, index, share in zip(values, indices, shares, strict=True):
        np.add.at(expected, np.asarray(index), share * value)
    parts = [
        Rows(tf.constant(v), tf.constant(i, dtype)) for v, i in zip(values, indices, strict=True)
    ]
    summed = summed_rows(parts, shares, num_rows)
    np.testing.assert_allclose(summed.dense(), expected, atol=1e-5)
    norm = np.sqrt((expected**2).sum())
    np.testing.assert_allclose(tf.linalg.global_norm([summed.values]), norm, atol=1e-5)


@given(parts_of_a_table())
@settings(max_examples=40)
def test_rows_are_summed_and_weighted(case):
    check(*case)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_one_row_and_all_rows(dtype):
    check(300, [[299] * 50], [1.0], (4,), dtype)
    check(300, [range(150), range(299, 149, -1)], [0.5, 0.5], (4,), dtype)


@pytest.mark.parametrize("num_rows", [256, 257])
@pytest.mark.parametrize("indices", [[3], [5, 5, 0, 255, 5]])
def test_what_a_tape_gives(num_rows, indices):
    """A small table has a dense gradient, a large one has its rows; both have the same sum."""
    table = tf.Variable(np.random.default_rng(0).normal(size=[num_rows, 3]), dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, indices) ** 2)
    gradient = rows_of(tape.gradient(loss, table))
    assert isinstance(gradient, Rows) == (num_rows > 256)
    if num_rows > 256:
        gradient = summed_rows([gradient], [1.0], num_rows).dense()
    expected = np.zeros([num_rows, 3])
    np.add.at(expected, indices, 2 * table.numpy()[indices])
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_what_is_no_table_stays_as_it_is():
    gradient = tf.ones([2, 2])
    assert rows_of(gradient) is gradient
    assert rows_of(None) is None
