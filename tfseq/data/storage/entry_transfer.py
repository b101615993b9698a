"""Encoded corpora between a store and a directory of this machine."""

import contextlib
from pathlib import Path

from tfseq.files.store import Store

# Who finds it finds the rest.
_LAST = "contents.json"


def pull_entry(store: Store, directory: Path) -> bool:
    """Bring an encoded corpus into an empty directory, if the store has one."""
    if not store.exists(_LAST):
        return False
    for name in store.names():
        store.get(name, directory / name)
    return True


def push_entry(directory: Path, store: Store, work: Store) -> None:
    """Put an encoded corpus into a store.

    Args:
        directory: where it is.
        store: an empty place.
        work: a place of the same kind. A file that it has too is moved from there, and not sent.
    """
    names = [path.name for path in directory.iterdir() if path.name != _LAST]
    there = {*work.names()}
    for name in (*sorted(names), _LAST):
        if name in there:
            with contextlib.suppress(FileNotFoundError):  # Another process was faster.
                work.move(name, store)
                continue
        store.put(directory / name, name)
