"""Cutting bytes and clamping numbers in graph, against plain Python."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseq.serving.signatures.clamping import clamp, keep_first_bytes, keep_last_bytes

texts = st.lists(st.text("aé想😀\0", max_size=12), min_size=1, max_size=5)
limits = st.integers(4, 12)


def run(function, strings, limit):
    kept, cut = function(tf.constant(strings, tf.string, shape=[len(strings)]), limit)
    return kept.numpy().tolist(), cut.numpy().tolist()


@given(texts, limits)
def test_first_bytes_of_valid_text(strings, limit):
    data = [s.encode() for s in strings]
    kept, cut = run(keep_first_bytes, data, limit)
    assert kept == [d[:limit].decode(errors="ignore").encode() for d in data]
    assert cut == [len(d) > limit for d in data]


@given(texts, limits)
def test_last_bytes_of_valid_text(strings, limit):
    data = [s.encode() for s in strings]
    kept, cut = run(keep_last_bytes, data, limit)
    assert kept == [d[max(len(d) - limit, 0) :].decode(errors="ignore").encode() for d in data]
    assert cut == [len(d) > limit for d in data]


@given(st.lists(st.binary(max_size=20), max_size=5), limits)
def test_any_bytes_stay_within_the_limit(data, limit):
    first, cut = run(keep_first_bytes, data, limit)
    last, _ = run(keep_last_bytes, data, limit)
    for whole, begin, end, was_cut in zip(data, first, last, cut, strict=True):
        assert whole.startswith(begin)
        assert whole.endswith(end)
        for part in (begin, end):
            # At most the three bytes of a broken character are missing.
            assert min(len(whole), limit - 3) <= len(part) <= limit
        assert was_cut or begin == end == whole


@pytest.mark.parametrize("data", [b"\x80" * 20, b"\xff" * 20, b"\xf0" + b"\x80" * 20])
def test_bytes_that_are_no_characters_are_not_searched_through(data):
    assert len(run(keep_first_bytes, [data], 8)[0][0]) >= 5
    assert len(run(keep_last_bytes, [data], 8)[0][0]) >= 5


@given(st.lists(st.integers(-(2**31), 2**31 - 1)), st.integers(0, 2**20))
def test_integers_are_clamped(values, high):
    used, warnings = clamp(tf.constant(values, tf.int32, shape=[len(values)]), "count", 0, high)
    assert used.numpy().tolist() == [min(max(v, 0), high) for v in values]
    expected = [
        ""
        if 0 <= v <= high
        else f"`count` must be from 0 to {high}. Received: {v}; used: {min(max(v, 0), high)}. "
        for v in values
    ]
    assert [w.decode() for w in warnings.numpy()] == expected


@given(st.lists(st.floats(width=32, allow_subnormal=False)))
def test_floats_are_clamped_and_never_nan(values):
    used, warnings = clamp(tf.constant(values, tf.float32, shape=[len(values)]), "t", 0, 100, 1)
    used = used.numpy()
    assert np.all((used >= 0) & (used <= 100))
    assert np.all(used[np.isnan(values)] == 1)
    for value, warning in zip(values, warnings.numpy(), strict=True):
        assert (warning == b"") == (0 <= value <= 100)
