"""Files that are whole or absent, and what is said when the disk takes no more."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from tfseq.errors import InputError

#: There is no room: on the disk, in the user's share of it, in a file.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = (*FULL, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)
_WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class WriteError(OSError):
    """A file could not be written. It has `errno`, `strerror` and `filename`, all three."""


@contextlib.contextmanager
def writing(path: str | os.PathLike, numbers: Collection[int] = _REFUSED) -> Iterator[None]:
    """Turn errors of the disk in the block into a `WriteError` that names `path`.

    Python, HDF5 and TensorFlow each report a full disk in their own way. `numbers` are the system's
    numbers of these errors: the disk is full, broken or read-only. Other exceptions go through.

    >>> with writing("egg"):
    ...     raise RuntimeError("a sentence in which it says: No space left on device")
    Traceback (most recent call last):
    tfseq.files.atomic_file.WriteError: [Errno 28] No space left on device: 'egg'
    """
    try:
        yield
    except (WriteError, InputError):
        raise
    except Exception as error:
        number = _system_error(error)
        if number not in numbers:
            raise
        raise WriteError(number, os.strerror(number), str(path)) from error


@contextlib.contextmanager
def advised(what_next: str) -> Iterator[None]:
    """Turn a `WriteError` in the block into an `InputError` that ends in what to do next.

    >>> with advised("bake the cake again"), writing("egg"):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    tfseq.errors.InputError: egg cannot be written: No space left on device. Free some space there,
    then bake the cake again.
    """
    try:
        yield
    except WriteError as error:
        start = "Free some space there, then" if error.errno in FULL else "Once it can be,"
        raise InputError(
            f"{error.filename} cannot be written: {error.strerror}. {start} {what_next}."
        ) from error


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike, ending: str = "", replace: bool = True) -> Iterator[Path]:
    """A path to write to, beside `path`; what is there at the end is flushed and takes its name.

    It ends in `ending`. A file that is at `path` stays as it is until the new one is whole, or for
    good where `replace` is false.

    Raises:
        WriteError: it cannot be written.
        FileExistsError: there is a file at `path`, which is not to be replaced.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial{ending}")
    try:
        with writing(path, (*_REFUSED, *_GONE)):
            yield aside
            with open(aside, "rb+") as file:
                os.fsync(file.fileno())
            (os.replace if replace else _rename_anew)(aside, path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def write_atomically(path: str | os.PathLike, content: bytes) -> None:
    """Write a file aside, flush it to the disk, and rename it into place.

    Raises:
        WriteError: it cannot be written.
    """
    with atomic_file(path) as aside:
        aside.write_bytes(content)


def _rename_anew(aside: Path, path: Path) -> None:
    """Rename a file, unless there is one of the new name."""
    try:
        os.link(aside, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        # Such a disk cannot look and rename in one step.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(aside, path)


def scratch_file() -> IO[bytes]:
    """A file without a name; where there is no room for one, a file that keeps nothing."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


def _system_error(error: Exception) -> int | None:
    """The system's number of the error that an exception reports; None if it reports none."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    # Libraries that are not Python's put the system's words into messages of their own.
    text = str(error)
    return next((number for number in _REFUSED if os.strerror(number) in text), None)
