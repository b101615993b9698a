"""Options of work with a trained model that a cluster may do."""

import dataclasses
from typing import Any

from tfseq.options.rules import PositiveInt
from tfseq.options.scale.cluster_options import ClusterAddress

#: Rows of a file that are done and kept together.
PART_ROWS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpreadOptions:
    """Where the work is done."""

    cluster: ClusterAddress | None = None
    """Spread the work over a Ray cluster: its address, host:port, or auto, which finds the one of
    this machine or starts one. All its machines must see the run directory. If omitted, this
    process works alone."""
    workers: PositiveInt | None = None
    """How many processes of the cluster load the model, each with a GPU if the cluster has GPUs, or
    else with a CPU; if omitted, as many as there is room for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileOptions(SpreadOptions):
    """How a whole file of inputs is read and answered, and where."""

    field: str | None = None
    """The field or column of each record of a file that is the input; if omitted, text, or values
    for a forecaster."""
    keep: tuple[str, ...] = ()
    """Fields of each record of a file that are copied into the results, such as an id."""
    part_rows: PositiveInt = PART_ROWS
    """Rows of a file that are done and kept together."""

    def how(self) -> dict[str, Any]:
        """These options by name, without those of a script that has more."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(FileOptions)}
