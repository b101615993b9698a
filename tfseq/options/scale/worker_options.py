"""Options of training on several devices or machines."""

import dataclasses

from tfseq.errors import InputError
from tfseq.options.rules import FreeOnResume, PositiveInt
from tfseq.options.scale.cluster_options import ClusterOptions


@dataclasses.dataclass(frozen=True)
class WorkerOptions(ClusterOptions):
    """By how many workers a model is trained, and where."""

    workers: FreeOnResume[PositiveInt] = 1
    """Train on this many workers, each on its own rows of every batch: on the machines of
    --cluster, each with a GPU if there are GPUs; without it, on the GPUs of this machine. The model
    is that of one worker, up to rounding."""
    worker_cpus: FreeOnResume[PositiveInt] = 1
    """Threads of each worker on a cluster."""

    def check_workers(self, batch_size: int) -> None:
        """Raise InputError where a worker would have no row of a batch."""
        if self.workers > batch_size:
            raise InputError(
                "`workers` must not be more than `batch_size`: each takes at least one row of a "
                f"batch. Received: `workers` {self.workers}, `batch_size` {batch_size}."
            )
