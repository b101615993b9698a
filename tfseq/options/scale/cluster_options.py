"""Options of work that is spread over several processes or machines."""

import dataclasses
import os
from typing import Annotated

from tfseq.files.store import is_url
from tfseq.options.rules import FreeOnResume, Rule


def _from_anywhere(place: str) -> str:
    """The place as the machines of a cluster find it, whose working directories are others."""
    if not place or is_url(place):
        return place
    place = os.path.expanduser(place)
    return place if os.path.isabs(place) else os.path.join(os.getcwd(), place)


ClusterAddress = Annotated[
    str, Rule("auto, or the address of a Ray cluster, host:port", lambda v: bool(v.strip()))
]

PLACE = Rule(
    "a path or a URL: not empty, without NUL", lambda v: bool(v) and "\0" not in v, _from_anywhere
)
CachePlace = Annotated[str, PLACE]


@dataclasses.dataclass(frozen=True)
class ClusterOptions:
    """Where the work is done."""

    cluster: FreeOnResume[ClusterAddress | None] = None
    """Spread the work over a Ray cluster: its address, host:port, or auto, which finds the one of
    this machine or starts one. Results are the same as without. If omitted, this process works
    alone."""
    cache_dir: FreeOnResume[CachePlace | None] = None
    """Where encoded texts are kept: a directory, or a URL that fsspec knows, such as
    gs://bucket/cache; if omitted, encoded in tfseq's cache directory."""
