"""A model whose versions come and go while it answers."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tfseq.serving.server.faults import FaultError, invalid
from tfseq.serving.server.models.version import AVAILABLE, LOADING, Version
from tfseq.serving.server.options import Limits

_LOG = logging.getLogger("tfseq.server")


class ServedModel:
    """The versions below a base path: the newest are loaded, older ones dropped.

    A version is dropped only once the newer one answers. One whose directory is gone is dropped
    too, unless it is the only one that answers.

    Args:
        base_path: `exported/NAME`; the model is called NAME.
        limits: see `Limits`.
        num_versions: how many of the newest are kept.
        labels: label -> version; versions with a label are kept too.
        poll_seconds: between looks at the base path.
        on_batch: told how many rows each batch has.
    """

    def __init__(
        self,
        base_path: Path,
        limits: Limits,
        num_versions: int = 1,
        labels: Mapping[str, int] | None = None,
        poll_seconds: float = 1.0,
        on_batch: Callable[[int], None] = lambda rows: None,
    ):
        self.name, self.labels = base_path.resolve().name, dict(labels or {})
        self._base_path, self._limits, self._on_batch = base_path, limits, on_batch
        self._num_versions, self._poll_seconds = num_versions, poll_seconds
        self._versions: dict[int, Version] = {}
        # What the directories of versions that did not load were like.
        self._failed: dict[int, tuple] = {}
        # Those that ended by themselves and are not back yet.
        self._crashed: set[int] = set()
        self._ending: set[asyncio.Task] = set()
        self._watching: asyncio.Task | None = None

    async def start(self) -> None:
        """Load what is there, and watch. Raises FaultError where nothing of it loads."""
        await self.look()
        if not any(version.is_available for version in self._versions.values()):
            faults = [v.fault for v in self._versions.values() if v.fault]
            await self.close(0)
            raise faults[-1] if faults else FaultError("NOT_FOUND", self._nothing())
        self._watching = asyncio.create_task(self._watch())

    async def close(self, drain_seconds: float) -> None:
        """Finish the requests that are there, and unload all versions."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        async with asyncio.TaskGroup() as group:
            for version in self._versions.values():
                group.create_task(version.unload(drain_seconds))
        if self._ending:
            await asyncio.wait(self._ending)

    @property
    def num_waiting(self) -> int:
        """Requests that wait for their turn."""
        return sum(version.num_waiting for version in self._versions.values())

    def versions(self) -> list[Version]:
        """All that were not forgotten, the newest first."""
        return [self._versions[number] for number in sorted(self._versions, reverse=True)]

    def find(self, number: int | None = None, label: str | None = None) -> Version:
        """The version that a request means; None is the newest that answers."""
        if label is not None:
            if label not in self.labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            number = self.labels[label]
        for version in self.versions():
            if version.is_available and number in (None, version.number):
                return version
        which = f"Latest({self.name})" if number is None else f"Specific({self.name}, {number})"
        # A crash is over in seconds.
        coming = {v.number for v in self.versions() if v.has_crashed or v.state == LOADING}
        coming |= self._crashed
        if coming if number is None else number in coming:
            raise FaultError("UNAVAILABLE", f"Servable is being loaded: {which}")
        raise FaultError("NOT_FOUND", f"Servable not found for request: {which}")

    def signatures(self, number: int | None = None, label: str | None = None) -> dict:
        """Name -> `Signature` of a version."""
        return self.find(number, label).signatures

    async def predict(
        self,
        signature: str,
        inputs: dict[str, np.ndarray],
        number: int | None = None,
        label: str | None = None,
    ) -> dict[str, np.ndarray]:
        """Ask a version; one that crashes meanwhile is not asked again."""
        version = self.find(number, label)
        return await version.predict(signature, inputs, self._limits.timeout)

    async def look(self) -> None:
        """Load and unload what the base path asks for now."""
        there = self._version_directories()
        for number, version in list(self._versions.items()):
            if version.has_crashed:
                _LOG.warning("version %s ended by itself and is loaded again", number)
                self._crashed.add(number)
                del self._versions[number]
                await version.unload(0)
        # One that crashed may be the last that loads, and none of the newest.
        wanted = {*sorted(there)[-self._num_versions :], *self.labels.values(), *self._crashed}
        for number in sorted(wanted & there.keys(), reverse=True):
            await self._load(there[number])
        self._crashed.clear()
        # Where the newest does not load, the newest that answers goes on.
        available = sorted(n for n, v in self._versions.items() if v.is_available)
        kept = {*available[-self._num_versions :], *self.labels.values()}
        gone = {n for n in available if n not in there}
        if set(available) - gone:
            kept -= gone
        for number in set(available) - kept:
            self._unload(number)
        for number, version in list(self._versions.items()):
            if version.fault and number not in there:
                del self._versions[number]

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self.look()
            except Exception:
                _LOG.exception("looking at %s", self._base_path)

    def _version_directories(self) -> dict[int, Path]:
        with contextlib.suppress(OSError):
            return {
                int(path.name): path
                for path in self._base_path.iterdir()
                if path.name.isascii() and path.name.isdecimal() and path.is_dir()
            }
        return {}

    async def _load(self, directory: Path) -> None:
        number, state = int(directory.name), _state_of(directory)
        known = self._versions.get(number)
        if known and (known.state in (LOADING, AVAILABLE) or self._failed.get(number) == state):
            return
        version = self._versions[number] = Version(directory, self._limits, self._on_batch)
        await version.load()
        if version.fault is None:
            self._failed.pop(number, None)
            _LOG.info("version %s answers", number)
        else:
            self._failed[number] = state
            _LOG.error("version %s does not load: %s", number, version.fault)

    def _unload(self, number: int) -> None:
        version = self._versions[number]

        async def end() -> None:
            await version.unload(self._limits.drain_seconds)
            if self._versions.get(number) is version:
                del self._versions[number]
            _LOG.info("version %s is unloaded", number)

        task = asyncio.create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _nothing(self) -> str:
        return f"{self._base_path} holds no version directory (1, 2, ...) with a SavedModel."


def _state_of(directory: Path) -> tuple:
    """What a directory's files are like: a copy that was not complete may be, the next time."""
    try:
        files = sorted(path for path in directory.rglob("*") if path.is_file())
        return tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    except OSError:
        return ()
