"""Temporary directories that are removed even if the process that made them was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Held by the process whose directory it is; the system lets go when that ends.
_LOCK = "owner.lock"


@contextlib.contextmanager
def temporary_place(base: str | os.PathLike | None = None, prefix: str = "tfseq-") -> Iterator[str]:
    """A directory for as long as the block lasts.

    A process that was killed leaves its directory. Those that this user's processes have left on
    this machine, with the same base and prefix, are removed first.

    Args:
        base: where it is made; by default in the directory for temporary files.
        prefix: what its name begins with.
    """
    base = tempfile.gettempdir() if base is None else base
    _remove_leftovers(base, prefix)
    place = tempfile.mkdtemp(prefix=prefix, dir=base)
    try:
        with open(Path(place, "lock"), "w") as file:
            with contextlib.suppress(OSError):  # Not all file systems have locks.
                fcntl.flock(file, fcntl.LOCK_EX)
            file.write(os.uname().nodename)
            file.flush()
            # Under this name it is never seen without its owner.
            Path(place, "lock").rename(Path(place, _LOCK))
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _remove_leftovers(base: str | os.PathLike, prefix: str) -> None:
    for place in Path(base).glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if place.is_symlink() or place.stat().st_uid != os.getuid():
                continue
            with open(place / _LOCK) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Locks of other machines may not be seen here.
                if file.read() == os.uname().nodename:
                    shutil.rmtree(place, ignore_errors=True)
