"""Requests of different connections run together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.models.rows import Rows, join, key_of, put_together, take_apart
from tfseq.serving.server.options import Limits
from tfseq.serving.wire.signature import Signature

#: Runs a signature by name: inputs, seconds -> outputs.
Run = Callable[[str, dict, float], Awaitable[dict[str, np.ndarray]]]


@dataclass(eq=False)
class _Waiting:
    rows: Rows
    deadline: float
    arrived: float
    answer: asyncio.Future = field(repr=False)


class Batching:
    """The requests of one version, run in batches of what may stand together.

    A request runs at once where nothing like it is running. Else it waits for company: until the
    batch is full, or for `batch_ms`, and for one of `num_threads` to be free. Its answer does
    not depend on its company: what was padded is cut off again, and where a batch fails each of its
    requests is run alone.

    Args:
        run: runs a signature.
        signatures: by name.
        limits: see `Limits`.
        on_batch: told how many rows each batch has.
    """

    def __init__(
        self,
        run: Run,
        signatures: dict[str, Signature],
        limits: Limits,
        on_batch: Callable[[int], None] = lambda rows: None,
    ):
        self._run, self._signatures, self._limits = run, signatures, limits
        self._on_batch = on_batch
        self._queues: dict[tuple, deque[_Waiting]] = {}
        self._running: dict[tuple, int] = {}
        self._tasks: set[asyncio.Task] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def num_waiting(self) -> int:
        """Requests whose turn has not come."""
        return sum(not w.answer.done() for queue in self._queues.values() for w in queue)

    async def predict(
        self, name: str, inputs: dict[str, np.ndarray], timeout: float, queued: bool = True
    ) -> dict[str, np.ndarray]:
        """The outputs of one request.

        Without `queued`, it is one of a row of requests that go on, and is not refused.

        Raises FaultError: RESOURCE_EXHAUSTED where the queue is full, DEADLINE_EXCEEDED after
        `timeout` seconds, and what the model answers.
        """
        if queued and self.num_waiting >= self._limits.max_queue:
            raise FaultError(
                "RESOURCE_EXHAUSTED", f"{self._limits.max_queue} requests are waiting already."
            )
        signature = self._signatures[name]
        deadline = asyncio.get_running_loop().time() + timeout
        if not signature.takes_batches:
            return await self._alone(name, Rows(inputs), deadline)
        parts = Rows(inputs).split(self._limits.max_batch_size)
        answers = [self._enqueue(name, signature, part, deadline) for part in parts]
        try:
            async with asyncio.timeout_at(deadline):
                return join([await answer for answer in answers])
        except TimeoutError:
            raise FaultError("DEADLINE_EXCEEDED", f"No answer within {timeout:g} s.") from None
        finally:
            for answer in answers:
                if not answer.cancel() and not answer.cancelled():
                    answer.exception()  # It was looked at.

    def _enqueue(
        self, name: str, signature: Signature, rows: Rows, deadline: float
    ) -> asyncio.Future:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(rows, deadline, loop.time(), loop.create_future())
        key = (name, *key_of(signature, rows.inputs))
        self._queues.setdefault(key, deque()).append(waiting)
        self._start_batches()
        return waiting.answer

    def _start_batches(self) -> None:
        """Start every batch whose time has come, the longest waiting first."""
        loop, seconds = asyncio.get_running_loop(), self._limits.batch_ms / 1000
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for key, queue in list(self._queues.items()):
            while queue and queue[0].answer.done():
                queue.popleft()
            if not queue:
                del self._queues[key]
        for key in sorted(self._queues, key=lambda key: self._queues[key][0].arrived):
            while key in self._queues and len(self._tasks) < self._limits.threads:
                due = self._queues[key][0].arrived + seconds
                if self._running.get(key) and loop.time() < due and not self._is_full(key):
                    if self._timer is None:
                        self._timer = loop.call_at(due, self._start_batches)
                    break
                self._start(key, self._take(key))

    def _is_full(self, key: tuple) -> bool:
        rows = sum(len(w.rows) for w in self._queues[key] if not w.answer.done())
        return rows >= self._limits.max_batch_size

    def _take(self, key: tuple) -> list[_Waiting]:
        """The next batch of a queue."""
        queue, batch, room = self._queues[key], [], self._limits.max_batch_size
        while queue and (not batch or len(queue[0].rows) <= room):
            waiting = queue.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
                room -= len(waiting.rows)
        if not queue:
            del self._queues[key]
        return batch

    def _start(self, key: tuple, batch: list[_Waiting]) -> None:
        if not batch:
            return
        self._running[key] = self._running.get(key, 0) + 1
        task = asyncio.create_task(self._run_batch(key[0], batch))
        self._tasks.add(task)

        def done(task: asyncio.Task) -> None:
            self._tasks.discard(task)
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]
            self._start_batches()

        task.add_done_callback(done)

    async def _run_batch(self, name: str, batch: list[_Waiting]) -> None:
        self._on_batch(sum(len(waiting.rows) for waiting in batch))
        try:
            signature = self._signatures[name]
            together = put_together(signature, [waiting.rows for waiting in batch])
            latest = max(waiting.deadline for waiting in batch)
            outputs = await self._alone(name, together, latest)
            answers = take_apart(signature, outputs, together, [w.rows for w in batch])
        except FaultError as fault:
            if len(batch) == 1 or fault.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                answers = [fault] * len(batch)
            else:  # Whose fault it was shows when each is alone.
                for waiting in batch:
                    await self._run_batch(name, [waiting])
                return
        except Exception as error:
            answers = [FaultError("INTERNAL", repr(error))] * len(batch)
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(answer, FaultError):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)

    async def _alone(self, name: str, rows: Rows, deadline: float) -> dict[str, np.ndarray]:
        seconds = deadline - asyncio.get_running_loop().time()
        if seconds <= 0:
            raise FaultError("DEADLINE_EXCEEDED", "No answer within the time of a request.")
        return await self._run(name, rows.inputs, seconds)
