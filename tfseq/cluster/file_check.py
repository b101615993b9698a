"""Whether every node of a cluster sees the files that its tasks read and write."""

import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from tfseq.cluster.node_check import on_every_node
from tfseq.errors import InputError


def check_files(
    files: Sequence[Path], directory: Path | None = None, argument: str = "corpus"
) -> None:
    """Raise InputError unless every node has the files, of the same sizes, and the directory.

    Args:
        files: what tasks read.
        directory: where they write, if that is a path.
        argument: what names the files in the message.
    """
    sizes = {str(path): path.stat().st_size for path in files}
    mark = directory and directory / f".{uuid.uuid4().hex}"
    if mark is not None:
        mark.touch()

    def look() -> tuple[str, str] | None:
        """What comes before the node's name in the message, and what comes after it."""
        for name, size in sizes.items():
            what = f"`{argument}`: {name}"
            try:
                found = os.stat(name).st_size
            except OSError as error:
                return f"{what} cannot be read on the node", f": {error.strerror}"
            if found != size:
                return f"{what} has {found:,} bytes on the node", f", here {size:,}"
        if mark is not None and not mark.exists():
            return "`cluster`: the node", f" does not see the cache directory {directory}"
        return None

    try:
        answers = on_every_node(look)
    finally:
        if mark is not None:
            mark.unlink(missing_ok=True)
    for node, answer in answers.items():
        if isinstance(answer, Exception):
            raise InputError(f"`cluster`: the node {node} does not answer: {answer}.")
        if answer:
            before, after = answer
            raise InputError(
                f"{before} {node}{after}. Every node must see the same files: put them on a file "
                "system that all of them share."
            )
