"""Version directories that appear whole, by rename, or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tfseq.errors import InputError
from tfseq.files.atomic_file import advised, writing
from tfseq.files.result_directory import obstacle


def next_version(directory: str | os.PathLike) -> int:
    """The version after the highest in a base path; 1 if there is none.

    >>> next_version("no/such/directory")
    1
    """
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        names = []
    return max((int(name) for name in names if name.isdecimal()), default=0) + 1


def check_positive(name: str, value: int) -> None:
    """Raises InputError unless an argument is a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"`{name}` must be a positive integer. Received: {value!r}.")


def check_version(directory: str | os.PathLike, version: int) -> None:
    """Raises InputError if a base path holds the version already, or it is none."""
    check_positive("version", version)
    if os.path.lexists(Path(directory, str(version))):
        raise InputError(
            f"`version` must be one that {directory} does not hold; an export is never "
            f"overwritten. Received: {version}. The next free one is {next_version(directory)}."
        )


@contextlib.contextmanager
def staging_directory(directory: str | os.PathLike) -> Iterator[Path]:
    """A directory beside the versions, on the same disk, that a server passes over.

    It is removed at the end with all that is still in it, and so are directories above it that
    were made for nothing. Raises InputError if the base path cannot be made or written, or the
    disk becomes full, also while the directory is in use.
    """
    directory = Path(directory)
    reason = obstacle(directory)
    if reason is not None:
        raise InputError(f"Cannot write to {directory}: {reason}.")
    made = [place for place in (directory, *directory.parents) if not place.exists()]
    staging = None
    try:
        with advised("export again"), writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(dir=directory, prefix=".export-"))
            yield staging
    finally:
        if staging is not None:
            shutil.rmtree(staging)
        for place in made:
            with contextlib.suppress(OSError):
                place.rmdir()


def publish(
    complete: str | os.PathLike, directory: str | os.PathLike, version: int | None = None
) -> Path:
    """Rename a complete version directory into place below a base path on the same disk.

    A version of None takes the one after the highest that is there, also when another export
    takes one at the same time. Returns the new path; raises InputError if the version is there.
    """
    while True:
        number = next_version(directory) if version is None else version
        target = Path(directory, str(number))
        try:
            # A directory that holds something is never replaced.
            os.rename(complete, target)
            return target
        except OSError:
            if not os.path.lexists(target):
                raise
            if version is not None:
                check_version(directory, version)


def remove_old_versions(newest: str | os.PathLike, keep_versions: int) -> list[Path]:
    """Remove the lowest versions beside one until `keep_versions` are left.

    The one, `newest`, and higher versions stay, and count. Each is renamed before it is removed,
    so that a server sees a version whole or not at all. Returns the paths that are gone.
    """
    check_positive("keep_versions", keep_versions)
    newest = Path(newest)
    versions = [p for p in newest.parent.iterdir() if p.name.isdecimal() and p.is_dir()]
    old = sorted(versions, key=lambda p: int(p.name))[:-keep_versions]
    old = [p for p in old if int(p.name) < int(newest.name)]
    for path in old:
        with staging_directory(path.parent) as staging:
            os.rename(path, staging / path.name)
    return old
