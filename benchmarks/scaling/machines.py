"""The machines of a simulated cluster, and how long a stage of tasks takes on them."""

import dataclasses
import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple


@dataclasses.dataclass(frozen=True)
class Machines:
    """What the machines of a cluster can do. Rates are MB a second.

    Attributes:
        workers_per_node: tasks that a machine does at a time.
        network: of a machine, in each direction.
        store: what a machine reads from or writes to the shared file system or object store.
        store_total: what all of them together do.
        latency: seconds for a message to arrive.
    """

    workers_per_node: int = 16
    network: float = 1250.0
    store: float = 200.0
    store_total: float = 20_000.0
    latency: float = 0.0002

    @property
    def node(self) -> float:
        """MB a second between a machine and the store."""
        return min(self.network, self.store, self.store_total)


#: As fast as this process reads its own disk, which is in the costs already.
HERE = Machines(math.inf, math.inf, math.inf, math.inf, 0.0)

PROCESSORS = "processors"
NODE = "a machine's bandwidth"
STORE = "the store"
DRIVER = "the driver"
FEW = "few tasks"


class Stage(NamedTuple):
    """A stage of work.

    Attributes:
        name: of it.
        seconds: how long it takes.
        bound: what it waits for.
    """

    name: str
    seconds: float
    bound: str


def stage_of_tasks(
    name: str,
    tasks: int,
    compute: float,
    megabytes: float,
    workers: int,
    machines: Machines,
    driver: float = 0.0,
) -> Stage:
    """Equal tasks on workers, each of which computes and transfers, one after the other.

    With w of W workers on a machine, a task takes

        max(compute + MB / node, w MB / node, W MB / store_total)

    seconds, which are the bounds of a closed queue: alone, at a machine that is busy transferring,
    and at a store that is.

    Args:
        name: of the stage.
        tasks: how many.
        compute: seconds of a processor, of a task.
        megabytes: that a task reads and writes.
        workers: how many there are.
        machines: on which they are.
        driver: seconds for each task of the process that hands tasks out, one at a time.
    """
    busy = min(workers, tasks)
    nodes = max(1, math.ceil(workers / machines.workers_per_node))
    on_node = math.ceil(busy / nodes)
    bounds = {
        PROCESSORS: compute + megabytes / machines.node,
        NODE: on_node * megabytes / machines.node,
        STORE: busy * megabytes / machines.store_total,
    }
    bound = max(bounds, key=bounds.get)
    seconds = makespan([bounds[bound]] * tasks, workers, driver)
    if bound == PROCESSORS and megabytes / machines.node > compute:
        bound = NODE
    if tasks * driver > 0.9 * seconds:
        bound = DRIVER
    elif tasks < workers:
        bound = FEW
    return Stage(name, seconds, bound)


def makespan(seconds: Sequence[float], workers: int, driver: float = 0.0) -> float:
    """When the last of some tasks ends. One process hands them out, ahead of the workers.

    >>> makespan([3.0, 3.0, 3.0], workers=2)
    6.0
    >>> makespan([3.0, 3.0, 3.0], workers=2, driver=2.0)
    9.0
    """
    free = [0.0] * min(workers, max(1, len(seconds)))
    handed_out = 0.0
    for duration in seconds:
        handed_out += driver
        heapq.heappush(free, max(handed_out, heapq.heappop(free)) + duration)
    return max(free)
