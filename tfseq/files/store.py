"""Files by name in one directory, on this machine's file system or on any that fsspec knows."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfseq.errors import InputError
from tfseq.files.temporary_place import temporary_place

# Object stores, by their names in fsspec: there an upload is whole or it is not there.
_ATOMIC = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "r2", "tos"}


def is_url(place: str | os.PathLike) -> bool:
    """Whether a place is one that fsspec is asked for, such as `gs://bucket/cache`.

    >>> is_url("memory://cache"), is_url("/tmp/cache")
    (True, False)
    """
    return "://" in os.fspath(place)


class Store:
    """A directory whose files are there whole or not at all, and are read and written whole.

    Args:
        place: a path, or a URL of fsspec. The directory need not be there.

    Raises:
        InputError: fsspec, or what it needs for such a URL, is not installed.

    >>> store = Store("memory://tfseq-doctest")
    >>> with store.writing("a") as path:
    ...     _ = path.write_text("one")
    >>> with store.reading("a") as path:
    ...     print(path.read_text(), store.names())
    one ['a']
    >>> store.remove()
    >>> store.exists("a")
    False
    """

    def __init__(self, place: str | os.PathLike):
        self.place = os.fspath(place)
        self._remote: Any = None
        if is_url(self.place):
            try:
                import fsspec

                self._remote, self._root = fsspec.core.url_to_fs(self.place)
            except ImportError as error:
                raise InputError(
                    f'{self.place} is a place for fsspec: {error}. `pip install "tfseq[scale]"`, '
                    "and the package that fsspec names for such a place."
                ) from None
            except ValueError as error:
                raise InputError(
                    f"{self.place} is not a place that fsspec knows: {error}."
                ) from None

    def __reduce__(self):
        return Store, (self.place,)

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        if self._remote is None:
            return os.path.exists(os.path.join(self.place, name))
        self._remote.invalidate_cache()  # Another process may have written it.
        return self._remote.exists(f"{self._root}/{name}")

    def names(self) -> list[str]:
        """The names of the files, sorted."""
        if self._remote is None:
            found = os.listdir(self.place) if os.path.isdir(self.place) else []
            return sorted(name for name in found if not name.startswith("."))
        self._remote.invalidate_cache()
        try:
            found = self._remote.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        names = (name.rstrip("/").rpartition("/")[2] for name in found)
        return sorted(name for name in names if not name.startswith("."))

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A path to write to; what is there at the end of the block is the file of that name."""
        if self._remote is None:
            os.makedirs(self.place, exist_ok=True)
            aside = Path(self.place, f".{name}.{uuid.uuid4().hex}")
            try:
                yield aside
                os.replace(aside, Path(self.place, name))
            finally:
                aside.unlink(missing_ok=True)
            return
        with temporary_place() as directory:
            path = Path(directory, "file")
            yield path
            self.put(path, name)

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """A path to read a file from, for as long as the block lasts.

        Raises:
            FileNotFoundError: there is none.
        """
        if self._remote is None:
            path = Path(self.place, name)
            if not path.exists():
                raise FileNotFoundError(2, "No such file", str(path))
            yield path
            return
        with temporary_place() as directory:
            path = Path(directory, "file")
            self.get(name, path)
            yield path

    def get(self, name: str, path: Path) -> None:
        """Bring a copy of a file to a path.

        Raises:
            FileNotFoundError: there is none.
        """
        if self._remote is None:
            shutil.copyfile(Path(self.place, name), path)
        else:
            self._remote.get_file(f"{self._root}/{name}", str(path))

    def put(self, path: Path, name: str) -> None:
        """Put a copy of a file there, under a name."""
        if self._remote is None:
            with self.writing(name) as aside:
                shutil.copyfile(path, aside)
        else:
            self._remote.makedirs(self._root, exist_ok=True)
            self._put_remote(path, name)

    def _put_remote(self, path: Path, name: str) -> None:
        protocols = self._remote.protocol
        protocols = {protocols} if isinstance(protocols, str) else {*protocols}
        if protocols & _ATOMIC:
            self._remote.put_file(str(path), f"{self._root}/{name}")
            return
        aside = f"{self._root}/.{name}.{uuid.uuid4().hex}"
        try:
            self._remote.put_file(str(path), aside)
            self._remote.mv(aside, f"{self._root}/{name}")
        except BaseException:
            with contextlib.suppress(Exception):
                self._remote.rm_file(aside)
            raise

    def fetched(self, name: str, path: Path) -> Path:
        """Where a file can be read: on this machine where it lies, else in a copy at `path`."""
        if self._remote is None:
            return Path(self.place, name)
        self.get(name, path)
        return path

    def move(self, name: str, other: "Store") -> None:
        """Move a file to another directory of the same file system, without reading it here.

        Raises:
            FileNotFoundError: there is none.

        >>> one, other = Store("memory://tfseq-doctest/one"), Store("memory://tfseq-doctest/other")
        >>> with one.writing("a") as path:
        ...     _ = path.write_text("one")
        >>> one.move("a", other)
        >>> one.names(), other.names()
        ([], ['a'])
        >>> other.remove()
        """
        if self._remote is None:
            os.makedirs(other.place, exist_ok=True)
            os.replace(Path(self.place, name), Path(other.place, name))
        else:
            self._remote.makedirs(other._root, exist_ok=True)
            self._remote.mv(f"{self._root}/{name}", f"{other._root}/{name}")

    def remove(self) -> None:
        """Remove the directory and all that is in it."""
        if self._remote is None:
            shutil.rmtree(self.place, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                self._remote.rm(self._root, recursive=True)
