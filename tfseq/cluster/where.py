"""Where work with a trained model is done: in this process, or on a cluster."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

from tfseq.cluster.connection import check_address
from tfseq.errors import InputError
from tfseq.options.rules import PositiveInt, broken_rule


@dataclasses.dataclass(frozen=True)
class Where:
    """Where work is done.

    Attributes:
        cluster: None for this process; `auto`, or the address of a Ray cluster.
        workers: processes of the cluster; see `workers_of`.
        log: where lines about the cluster and the progress go.
    """

    cluster: str | None = None
    workers: int | None = None
    log: Callable[[str], None] = lambda line: None

    def check(self, **in_order: Any) -> None:
        """Raise InputError where `workers` breaks its rule, or no cluster answers.

        Args:
            in_order: what has been asked for that a cluster cannot do, by the names of arguments.
        """
        if self.workers is not None:
            if words := broken_rule(self.workers, PositiveInt):
                raise InputError(f"`workers` must be {words}. Received: {self.workers!r}.")
            if self.cluster is None:
                raise InputError(
                    f"`workers` needs `cluster`, such as auto. Received: {self.workers}."
                )
        if self.cluster is not None:
            if given := [f"`{name}`" for name, value in in_order.items() if value]:
                raise InputError(
                    f"{', '.join(given)} cannot be used with `cluster`: the text is read in order, "
                    f"which cannot be shared out. Received: `cluster` {self.cluster}."
                )
            check_address(self.cluster)

    def leave_memory(self) -> None:
        """Let this process take of a GPU only what it needs, where a worker may share that GPU.

        TensorFlow asks when it first uses a GPU: it has to be called before a model is loaded.
        """
        if self.cluster is not None:
            os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


#: This process alone.
HERE = Where()
