"""A SavedModel in a process of its own, asked for many things at once."""

import asyncio
import itertools
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

import tfseq.serving.loader
from tfseq.files.atomic_file import scratch_file
from tfseq.serving.server.faults import CODES, FaultError

_LOADER = Path(tfseq.serving.loader.__file__).parent
# What a run may take beyond its time, before its process is taken for stuck.
_GRACE_SECONDS = 10.0


class ModelProcess:
    """A child process that holds one version, loaded by TensorFlow's C API; see the loader.

    The server itself has no TensorFlow in it. A version ends with its process, memory and all; one
    that crashes or hangs takes neither the server nor another version with it.
    """

    def __init__(self, directory: Path):
        self._directory = str(directory)
        self._tickets = itertools.count()
        self._waiting: dict[int, asyncio.Future] = {}
        self._chatter = scratch_file()

    @classmethod
    async def load(cls, directory: Path, num_threads: int, timeout: float) -> "ModelProcess":
        """Start a process and load a version directory; raises FaultError if that fails."""
        process = cls(directory)
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        # In a session of its own: Ctrl-C is for the server, which ends in its own time.
        process._child = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_LOADER), "--parent", str(os.getpid())),
            *("--threads", str(num_threads)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=process._chatter,
            env=environment,
            start_new_session=True,
        )
        process._reader = asyncio.create_task(process._read_answers())
        try:
            await process._ask("load", timeout=timeout)
        except BaseException:
            await process.kill()
            raise
        return process

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._child.pid

    @property
    def has_ended(self) -> bool:
        """Whether it will answer no more."""
        return self._reader.done()

    async def run(
        self, feeds: dict[str, np.ndarray], fetches: list[str], timeout: float
    ) -> list[np.ndarray]:
        """Feed tensors of the graph by name, and fetch others."""
        values, _ = await self._ask(
            "run", feeds, fetches, 1, timeout, timeout=timeout + _GRACE_SECONDS
        )
        return values

    async def close(self) -> None:
        """End it after what it is doing."""
        if not self.has_ended:
            self._child.stdin.close()
        try:
            await asyncio.wait_for(self._child.wait(), _GRACE_SECONDS)
        except TimeoutError:
            self._child.kill()
        await self.kill()

    async def kill(self) -> None:
        """End it now; what is asked of it fails."""
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()
        await self._reader
        self._chatter.close()

    async def _ask(self, method: str, *arguments: Any, timeout: float) -> Any:
        if self.has_ended:
            raise _ended()
        ticket = next(self._tickets)
        answer = self._waiting[ticket] = asyncio.get_running_loop().create_future()
        request = (ticket, method, (self._directory, *arguments))
        try:
            self._child.stdin.write(pickle.dumps(request, pickle.HIGHEST_PROTOCOL))
            return await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            # Nothing can be said of when it will be back.
            self._child.kill()
            raise FaultError("DEADLINE_EXCEEDED", f"No answer within {timeout:g} s.") from None
        except (BrokenPipeError, ConnectionResetError):
            raise _ended() from None
        finally:
            self._waiting.pop(ticket, None)

    async def _read_answers(self) -> None:
        stdout = self._child.stdout
        try:
            while True:
                length = int.from_bytes(await stdout.readexactly(8), "little")
                ticket, answer, code = pickle.loads(await stdout.readexactly(length))
                waiting = self._waiting.get(ticket)
                if waiting is None or waiting.done():
                    continue
                if code is None:
                    waiting.set_result(answer)
                else:
                    waiting.set_exception(FaultError(CODES.get(code, "UNKNOWN"), answer))
        except asyncio.IncompleteReadError:
            pass
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(_ended())


def _ended() -> FaultError:
    return FaultError("UNAVAILABLE", "The process that holds the model has ended.")
