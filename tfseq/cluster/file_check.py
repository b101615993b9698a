"""Whether every node of a cluster sees the files that its tasks read and write."""

import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from tfseq.cluster.node_check import on_every_node
from tfseq.errors import InputError


def check_files(files: Sequence[Path], directory: Path | None = None) -> None:
    """Raise InputError unless every node has the files, of the same sizes, and the directory.

    Args:
        files: what tasks read.
        directory: where they write, if that is a path.
    """
    sizes = {str(path): path.stat().st_size for path in files}
    mark = directory and directory / f".{uuid.uuid4().hex}"
    if mark is not None:
        mark.touch()

    def look() -> str | None:
        for name, size in sizes.items():
            try:
                found = os.stat(name).st_size
            except OSError as error:
                return f"`corpus`: {name} cannot be read on the node {{node}}: {error.strerror}"
            if found != size:
                return f"`corpus`: {name} has {found:,} bytes on the node {{node}}, here {size:,}"
        if mark is not None and not mark.exists():
            return f"`cluster`: the node {{node}} does not see the cache directory {directory}"
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
            raise InputError(
                f"{answer.format(node=node)}. Every node must see the same files: put them on a "
                "file system that all of them share."
            )
