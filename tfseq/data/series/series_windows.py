"""A series split in order of time, and its windows: none of them sees what is to be foretold."""

import dataclasses

import numpy as np

from tfseq.errors import InputError


@dataclasses.dataclass(frozen=True)
class SeriesSplit:
    """The steps of a series in order of time: training, then validation, then test.

    A window of the training part lies wholly inside it. A window of a later part has its targets
    in that part; its lags may reach back over the border, for at that time they are the past.

    Attributes:
        num_steps: all steps of the series.
        train_end: the first step that is not for training.
        validation_end: the first step that is for the test.
        lookback: τ, the values that a forecast reads.
        horizon: H, the steps that it looks ahead.
    """

    num_steps: int
    train_end: int
    validation_end: int
    lookback: int
    horizon: int

    def origins(self, part: str) -> np.ndarray:
        """The steps from which a part is foretold, each the first that is not known yet.

        Args:
            part: "train", "validation" or "test".

        Returns:
            int `[W]`: every t whose targets t … t+H−1 lie in the part, and whose lags t−τ … t−1
            lie in the series; for "train" the lags lie in the part too.
        """
        start, end = {
            "train": (0, self.train_end),
            "validation": (self.train_end, self.validation_end),
            "test": (self.validation_end, self.num_steps),
        }[part]
        return np.arange(max(start, self.lookback), end - self.horizon + 1)

    def windows(self, values: np.ndarray, part: str) -> np.ndarray:
        """The windows of a part, `[W, τ + H, C]`: τ lookback, then H targets, a view of `values`.

        Args:
            values: `[N, C]`, the whole series.
            part: "train", "validation" or "test".
        """
        origins = self.origins(part)
        windows = np.lib.stride_tricks.sliding_window_view(
            values, self.lookback + self.horizon, axis=0
        )
        first = origins[0] - self.lookback
        return np.moveaxis(windows[first : first + len(origins)], 2, 1)


def split_series(
    num_steps: int,
    lookback: int,
    horizon: int,
    validation_fraction: float,
    test_fraction: float,
) -> SeriesSplit:
    """Part a series in order of time; the last part is the test's, the one before validation's.

    Args:
        num_steps: steps of the series, N.
        lookback: τ, at least 1.
        horizon: H, at least 1.
        validation_fraction, test_fraction: shares of the N steps, rounded down; that of
            validation may be 0.

    Raises:
        InputError: a part would have no window.

    Example:

    >>> split = split_series(20, lookback=3, horizon=2, validation_fraction=0.2, test_fraction=0.2)
    >>> split.train_end, split.validation_end
    (12, 16)
    >>> split.origins("train").tolist(), split.origins("test").tolist()
    ([3, 4, 5, 6, 7, 8, 9, 10], [16, 17, 18])
    """
    num_test = int(num_steps * test_fraction)
    num_validation = int(num_steps * validation_fraction)
    validation_end = num_steps - num_test
    split = SeriesSplit(
        num_steps, validation_end - num_validation, validation_end, lookback, horizon
    )
    if split.train_end < lookback + horizon:
        raise InputError(
            f"`data` has {num_steps:,} steps, {max(split.train_end, 0):,} of them to train on; "
            f"`lookback` {lookback} and `horizon` {horizon} need {lookback + horizon:,}. Lower "
            "`lookback`, `horizon`, `validation_fraction` or `test_fraction`."
        )
    for part, num_part in (("validation", num_validation), ("test", num_test)):
        if part == "validation" and validation_fraction == 0:
            continue
        if len(split.origins(part)) == 0:
            raise InputError(
                f"`{part}_fraction` gives {num_part:,} of {num_steps:,} steps, but `horizon` "
                f"needs at least {horizon}. Raise it, or lower `horizon`."
            )
    return split
