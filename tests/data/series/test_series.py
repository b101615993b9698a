"""Series, their split in time, and their windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfseq
from tfseq.data import noisy_sine, series_batches, split_series


def test_the_built_in_series_is_its_signal_and_noise():
    series = noisy_sine()
    assert len(series) == 2000
    assert series.season == 40
    np.testing.assert_allclose(series.signal[:40], series.signal[40:80], atol=1e-12)
    # 2,000 draws: the standard deviation is off by 0.003 typically.
    assert np.std(series.values - series.signal) == pytest.approx(0.2, abs=0.01)
    np.testing.assert_array_equal(noisy_sine().values, series.values)
    assert not np.array_equal(noisy_sine(seed=1).values, series.values)


sizes = st.tuples(
    st.integers(10, 80), st.integers(1, 8), st.integers(1, 8), st.floats(0, 0.4), st.floats(0, 0.4)
)


@given(sizes)
def test_no_window_sees_what_it_is_to_foretell(size):
    num_steps, lookback, horizon, validation, test = size
    num_validation, num_test = int(num_steps * validation), int(num_steps * test)
    room = num_steps - num_validation - num_test >= lookback + horizon and num_test >= horizon
    if not room or (validation and num_validation < horizon):
        with pytest.raises(tfseq.InputError, match="need"):
            split_series(num_steps, lookback, horizon, validation, test)
        return
    split = split_series(num_steps, lookback, horizon, validation, test)
    assert split.validation_end == num_steps - num_test
    assert split.train_end == split.validation_end - num_validation
    ramp = np.arange(num_steps)[:, None]
    parts = {
        "train": (0, split.train_end),
        "validation": (split.train_end, split.validation_end),
        "test": (split.validation_end, num_steps),
    }
    assert 0 < split.train_end <= split.validation_end <= num_steps
    for part, (start, end) in parts.items():
        if len(split.origins(part)) == 0:
            assert part == "validation"
            assert validation == 0
            continue
        windows = split.windows(ramp, part)[:, :, 0]
        # Steps of a ramp are its values: each window is lookback, then the targets that follow.
        np.testing.assert_array_equal(
            windows, split.origins(part)[:, None] + np.arange(-lookback, horizon)
        )
        assert windows[:, lookback:].min() >= start
        assert windows.max() < end
        if part == "train":
            assert windows.min() >= 0
        # Every step of the part that can be a target is one.
        first = max(start, lookback)
        assert set(windows[:, lookback:].ravel()) == set(range(first, end))


def test_parts_that_are_too_small():
    with pytest.raises(tfseq.InputError, match=r"`lookback` 9 and `horizon` 3 need 12\. Lower"):
        split_series(20, 9, 3, 0.2, 0.25)
    with pytest.raises(tfseq.InputError, match=r"`test_fraction` gives 2 of 20 steps, but `hor"):
        split_series(20, 2, 3, 0.2, 0.1)
    with pytest.raises(tfseq.InputError, match="`validation_fraction` gives 2"):
        split_series(20, 2, 3, 0.1, 0.2)


def test_an_epoch_has_every_window_once_and_is_determined_by_seed_and_epoch():
    values = np.stack([np.arange(20.0), -np.arange(20.0)], axis=1)
    origins = np.arange(3, 17)

    def epoch(**options):
        batches = series_batches(values, origins, 3, 2, 4, batch_size=4, **options)
        assert int(batches.cardinality()) == 4
        return [np.concatenate(part) for part in zip(*batches.as_numpy_iterator(), strict=True)]

    inputs, targets, weights = epoch()
    assert sorted(inputs[:, -1, 0] + 1) == origins.tolist()
    np.testing.assert_array_equal(targets[:, 0], inputs[:, 1])
    np.testing.assert_array_equal(targets[:, -2:, 0], inputs[:, -1:, 0] + [1, 2])
    np.testing.assert_array_equal(targets[..., 1], -targets[..., 0])
    assert weights.shape == (14, 4)
    assert weights.min() == 1
    np.testing.assert_array_equal(epoch()[0], inputs)
    assert not np.array_equal(epoch(epoch=1)[0], inputs)
    assert not np.array_equal(epoch(seed=1)[0], inputs)
