"""A step of training on a cluster of any size, simulated from what its parts cost here."""

import dataclasses
import math

from scaling.machines import Machines, Stage

GRADIENT, BYTES, HOPS = "the gradient", "the bytes of the sum", "the hops of the sum"


@dataclasses.dataclass(frozen=True)
class TrainingCosts:
    """What is measured: seconds.

    Attributes:
        fixed, row: of a step of one worker without a sum: fixed + row × rows of its batch.
        hop, byte: of a message of the ring: hop + byte × its bytes, on one machine.
        parameters: of the model.
    """

    fixed: float
    row: float
    hop: float
    byte: float
    parameters: int


def fitted(x: tuple[float, float], y: tuple[float, float]) -> tuple[float, float]:
    """The line through two points: its value at 0 and its slope, neither of them below 0.

    >>> fitted((1, 3), (5.0, 9.0))
    (3.0, 2.0)
    >>> fitted((1, 3), (1.0, 9.0))
    (0.0, 3.0)
    """
    slope = max(0.0, (y[1] - y[0]) / (x[1] - x[0]))
    constant = y[0] - slope * x[0]
    return (constant, slope) if constant >= 0 else (0.0, y[1] / x[1])


def training_step(
    costs: TrainingCosts, rows: int, workers: int, machines: Machines, speed: float = 1.0
) -> Stage:
    """A step with a batch of so many rows, of all workers together.

    Each of the N workers takes the gradient of its rows. The sum goes around a ring: 2 (N − 1)
    messages one after the other, each of 1 / N of the gradient's bytes.

    Args:
        costs: of the parts.
        rows: of the batch.
        workers: how many, at most `rows`.
        machines: what they are connected by.
        speed: of a worker's gradient and update, as a multiple of that measured.
    """
    gradient = (costs.fixed + costs.row * math.ceil(rows / workers)) / speed
    messages = 2 * (workers - 1)
    each = 4 * costs.parameters / workers
    byte = max(costs.byte, 1e-6 / machines.network)
    parts = {
        GRADIENT: gradient,
        BYTES: messages * each * byte,
        HOPS: messages * (costs.hop + machines.latency),
    }
    return Stage("step", sum(parts.values()), max(parts, key=parts.get))
