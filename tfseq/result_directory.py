"""Directories of results: where they may go, and made whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfseq.errors import InputError


def free_path(name: str) -> Path:
    """`runs/name`, or the first of `runs/name-2`, `runs/name-3`, ... that is not there."""
    path, number = Path("runs", name), 1
    while path.exists():
        number += 1
        path = Path("runs", f"{name}-{number}")
    return path


def check_writable(path: str | os.PathLike, flag: str) -> None:
    """Raise InputError where a directory could not be made at `path`; makes nothing.

    Args:
        path: the directory to be.
        flag: the option that names it, for the message.
    """
    path = Path(path)
    try:
        place = next(p for p in (path, *path.absolute().parents) if p.exists())
        reason = None
        if not place.is_dir():
            reason = f"{place} is not a directory"
        elif not os.access(place, os.W_OK | os.X_OK):
            reason = f"{place} is not writable"
        elif len(os.fsencode(path.name)) > os.pathconf(place, "PC_NAME_MAX") - 40:
            reason = "its name is too long"
    except OSError as error:
        reason = str(error.strerror)
    if reason is not None:
        raise InputError(f"`{flag}` {path} cannot be made: {reason}.")


def check_free(path: str | os.PathLike, flag: str) -> None:
    """Raise InputError where a new directory could not be made at `path`; makes nothing.

    Args:
        path: the directory to be; an empty one may be there.
        flag: the option that names it, for the message.
    """
    check_writable(path, flag)
    if Path(path).is_dir() and any(Path(path).iterdir()):
        raise InputError(f"`{flag}` {path} exists. Name another directory.")


@contextlib.contextmanager
def new_directory(path: str | os.PathLike, flag: str) -> Iterator[Path]:
    """A directory to fill, beside `path`, that takes its name if nothing goes wrong.

    Args:
        path: the directory to be.
        flag: the option that names it, for the message.

    Raises:
        InputError: the place cannot be written to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with new_directory(f"{place}/results", "--result-dir") as directory:
    ...         _ = (directory / "figures.json").write_text("{}")
    ...     print(os.listdir(place), os.listdir(f"{place}/results"))
    ['results'] ['figures.json']
    """
    check_free(path, flag)
    path = Path(path).absolute()
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    made = [place for place in path.parents if not place.exists()]
    try:
        aside.mkdir(parents=True)
        yield aside
        aside.rename(path)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        for place in made:
            with contextlib.suppress(OSError):
                place.rmdir()
        if isinstance(error, OSError):
            raise InputError(
                f"`{flag}` {path} cannot be written to: {error.strerror or error}."
            ) from error
        raise
