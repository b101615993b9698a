"""Series of real numbers: what they are, and one that is built in."""

import dataclasses
import hashlib
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Series:
    """One or more columns of numbers at equal steps of time, the oldest first.

    Attributes:
        name: what it is called.
        columns: the names of its C columns.
        values: float64 `[N, C]`, all finite.
        season: steps in a period, where that is known.
        signal: float64 `[N, C]`, the values without what nothing can foresee, where that is
            known. It is the best forecast that there can be.
        notes: what a person should know of how it was read, a sentence each.
    """

    name: str
    columns: tuple[str, ...]
    values: np.ndarray
    season: int | None = None
    signal: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the columns' names and all numbers."""
        digest = hashlib.sha256(repr((self.columns, self.values.shape)).encode())
        digest.update(np.ascontiguousarray(self.values, "<f8").tobytes())
        return digest.hexdigest()


def noisy_sine(
    num_steps: int = 2000, period: int = 40, noise: float = 0.2, seed: int = 0
) -> Series:
    """A sine that hurries and dawdles within its period, in noise.

    x_t = sin(φ_t + 0.8 sin φ_t) + ε_t;  φ_t = 2π t / period;  ε_t ~ N(0, noise²).

    No recurrence of a few terms gives it, as one of two terms gives a plain sine. The best forecast
    knows the wave and has the noise as its root mean squared error, at any horizon.

    >>> noisy_sine(4, period=4, noise=0).values.round(2).ravel().tolist()
    [0.0, 0.7, 0.0, -0.7]
    """
    phase = 2 * math.pi * np.arange(num_steps) / period
    signal = np.sin(phase + 0.8 * np.sin(phase))[:, np.newaxis]
    values = signal + np.random.default_rng(seed).normal(0.0, 1.0, signal.shape) * noise
    return Series("noisy_sine", ("x",), values, season=period, signal=signal)
