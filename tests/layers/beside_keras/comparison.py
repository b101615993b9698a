"""How far the results of two layers are from each other."""

import re
from dataclasses import dataclass, field

import numpy as np
from cell_settings import Setting
from published_cells.case import Case

# A tensor's differences are measured by its own largest value, but not by one that is smaller than
# this part of the largest of its kind: a sum that ought to be zero holds nothing but rounding.
_NEGLIGIBLE = 1e-3


@dataclass
class Comparison:
    """What came of a cell in one setting.

    Attributes:
        case, setting: what was run.
        loop: `last_loop` of `tfseq.RNN`.
        differences: by name of the value, its difference relative to the largest of Keras'.
        refusals: the messages of the layers that raised, by "keras" and "tfseq".
    """

    case: Case
    setting: Setting
    loop: str | None = None
    differences: dict = field(default_factory=dict)
    refusals: dict = field(default_factory=dict)

    @property
    def worst(self) -> float:
        return max(self.differences.values(), default=0.0)

    @property
    def same(self) -> bool:
        """Whether `tfseq.RNN` gives what Keras gives; where Keras refuses, anything will do."""
        if self.refusals:
            return "keras" in self.refusals
        return self.worst <= self.case.tolerance

    def __str__(self):
        if self.refusals:
            return "; ".join(f"{who} refuses: {why}" for who, why in self.refusals.items())
        name = max(self.differences, key=self.differences.get)
        return f"{self.worst:.1e} in {name}, {self.loop}"


def differences(found: dict, expected: dict) -> dict:
    """By name: the largest difference, relative to the largest of the expected values.

    A value that only one of the two has, and another shape or dtype, differ by infinity.
    """
    refused = ("afterwards", "")
    if refused in expected:
        # Keras' own layer cannot be called again; what ours does then is not compared.
        found = {key: value for key, value in found.items() if key[0] != "afterwards"}
        expected = {key: value for key, value in expected.items() if key != refused}
    largest = {}
    for (kind, _), value in expected.items():
        largest[kind] = max(largest.get(kind, 0.0), _magnitude(value))
    result = {}
    for key in found.keys() | expected.keys():
        a, b = found.get(key), expected.get(key)
        result[f"{key[0]} {key[1]}"] = _difference(a, b, _NEGLIGIBLE * largest.get(key[0], 0.0))
    return result


def _magnitude(value):
    if value is None or not value.size:
        return 0.0
    size = np.abs(value.astype(np.complex128))
    return float(np.max(size[np.isfinite(size)], initial=0.0))


def _difference(a, b, least):
    # Without a path to its source a gradient is now None and now zeros, in TensorFlow's loop too.
    a, b = (np.zeros_like(other) if one is None else one for one, other in ((a, b), (b, a)))
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return 0.0 if a is None and b is None else np.inf
    if a.shape != b.shape or a.dtype != b.dtype:
        return np.inf
    a, b = a.astype(np.complex128), b.astype(np.complex128)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    distance = float(np.max(np.abs(a - b)[~same]))
    scale = max(_magnitude(b), least)
    return distance / scale if np.isfinite(distance) and scale else np.inf


def in_one_line(error: Exception) -> str:
    """What an error says, without what Keras adds before and behind."""
    text = re.sub(r"\x1b\[\d+m", "", str(error)).split("Arguments received by")[0]
    text = re.sub(r"Exception encountered when calling [\w.]+\(\)\.", "", text)
    return f"{type(error).__name__}: {' '.join(text.split())}"[:300]
