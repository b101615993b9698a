"""A place for what several processes make on the way to the same result."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tfseq.files.store import Store


@contextlib.contextmanager
def shared_work(work: Store, lock: Path) -> Iterator[None]:
    """A block that needs a place, which other processes may need as well.

    The last of them removes it, whether its block has failed or not. A process that was killed does
    not count: the place is there for the next one.

    Args:
        work: the place.
        lock: a file that all of them see, and that tells them of one another. It goes with the
            place. Where the file system knows no locks, each one removes the place.
    """
    file = _held(lock)
    try:
        yield
    finally:
        with file:
            if _is_last(file):
                work.remove()
                with contextlib.suppress(OSError):
                    lock.unlink()


def _held(lock: Path) -> IO[str]:
    """The file, with a lock that many may have; the system lets go of it when the process ends."""
    while True:
        try:
            file = lock.open("a+")
        except PermissionError:
            file = lock.open()  # It is another user's.
        try:
            fcntl.flock(file, fcntl.LOCK_SH)
            # Not that of one who was the last and has removed it since.
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
            file.close()
        except FileNotFoundError:
            file.close()
        except OSError:
            return file  # There are no locks.


def _is_last(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
