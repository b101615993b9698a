"""Directories of results: where they may go, and made whole or not at all."""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfseq.errors import InputError
from tfseq.files.atomic_file import FULL, writing
from tfseq.files.text_bytes import is_unicode

# A directory with nothing else counts as empty. A new disk has the first; a process that was
# killed while it filled the directory leaves the second.
_NOTHING = re.compile(r"lost\+found|\..*\.\d+\.partial")


def free_path(name: str) -> Path:
    """`runs/name`, or the first of `runs/name-2`, `runs/name-3`, ... that is not there."""
    path, number = Path("runs", name), 1
    while os.path.lexists(path):
        number += 1
        path = Path("runs", f"{name}-{number}")
    return path


def is_empty(directory: str | os.PathLike) -> bool:
    """Whether a directory may be filled; the `lost+found` of a new disk does not count."""
    return all(_NOTHING.fullmatch(name) for name in os.listdir(directory))


def check_writable(path: str | os.PathLike, argument: str) -> None:
    """Raise InputError where a directory could not be made at `path`; makes nothing.

    `argument` names the path in the message.
    """
    reason = obstacle(path)
    if reason is not None:
        raise InputError(f"`{argument}` {path} cannot be made: {reason}.")


def obstacle(path: str | os.PathLike) -> str | None:
    """Why no directory could be made at `path`, or written to if it is there; None if it could.

    >>> obstacle("a/b/c") is None, obstacle("/dev/null/a")
    (True, '/dev/null is not a directory')
    """
    path = Path(path)
    try:
        # TensorFlow, JSON and pictures' titles know no other names.
        if not is_unicode(str(path.absolute())):
            return "its path is not valid UTF-8"
        for place in (path, *path.absolute().parents):
            if place.exists():
                break
            if place.is_symlink():
                return f"{place} is a link to {os.readlink(place)}, which is not there"
        if not place.is_dir():
            return f"{place} is not a directory"
        if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            return f"{place} is not writable"
        if len(os.fsencode(path.name)) > os.pathconf(place, "PC_NAME_MAX") - 40:
            return "its name is too long"
    except OSError as error:
        return str(error.strerror)
    return None


def check_free(path: str | os.PathLike, argument: str) -> None:
    """As `check_writable`, and where a directory that is there is not empty."""
    check_writable(path, argument)
    if Path(path).is_dir() and not is_empty(path):
        raise InputError(f"`{argument}` {path} exists. Name another directory.")


@contextlib.contextmanager
def new_directory(path: str | os.PathLike, argument: str) -> Iterator[Path]:
    """A directory to fill, whose content is at `path` in the end if nothing goes wrong.

    An empty directory that exists is filled, never replaced: it may be a mount point, a link, or
    the directory that the user's shell is in.

    Raises:
        InputError: the place cannot be written to; `argument` names it in the message.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with new_directory(f"{place}/results", "result_dir") as directory:
    ...         _ = (directory / "metrics.json").write_text("{}")
    ...     print(os.listdir(place), os.listdir(f"{place}/results"))
    ['results'] ['metrics.json']
    """
    check_free(path, argument)
    target = Path(os.path.realpath(path))
    fills = target.is_dir()
    aside = (target if fills else target.parent) / f".{target.name}.{os.getpid()}.partial"
    made = [place for place in target.parents if not place.exists()]
    moved: list[Path] = []
    try:
        with writing(path):
            aside.mkdir(parents=True)
            yield aside
            if fills:
                _move_out(aside, moved)
            else:
                aside.rename(target)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        for item in moved:
            remove(item)
        for place in made:
            with contextlib.suppress(OSError):
                place.rmdir()
        if isinstance(error, OSError):
            advice = " Free some space there, or name another directory."
            raise InputError(
                f"`{argument}` {path} cannot be written to: {error.strerror or error}."
                f"{advice if error.errno in FULL else ''}"
            ) from error
        raise


def remove(path: str | os.PathLike) -> None:
    """Remove a file or a directory with all that is in it, as far as that can be done."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _move_out(aside: Path, moved: list[Path]) -> None:
    """Move all that a directory holds beside it, and note each; then remove the directory."""
    for item in sorted(aside.iterdir()):
        place = aside.parent / item.name
        if os.path.lexists(place):  # Another process was faster.
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
        item.rename(place)
        moved.append(place)
    aside.rmdir()
