"""Encoded corpora between a store and a directory of this machine."""

import shutil
from pathlib import Path

from tfseq.files.store import Store

# Who finds it finds the rest.
_LAST = "contents.json"


def pull_entry(store: Store, directory: Path) -> bool:
    """Bring an encoded corpus into an empty directory, if the store has one."""
    if not store.exists(_LAST):
        return False
    for name in store.names():
        with store.reading(name) as path:
            shutil.copyfile(path, directory / name)
    return True


def push_entry(directory: Path, store: Store) -> None:
    """Put an encoded corpus into a store."""
    names = [path.name for path in directory.iterdir() if path.name != _LAST]
    for name in (*sorted(names), _LAST):
        with store.writing(name) as path:
            shutil.copyfile(directory / name, path)
