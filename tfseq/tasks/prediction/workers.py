"""Processes of a Ray cluster that load a trained model once each, and are given part after part."""

import contextlib
import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tfseq.cluster.connection import Connection, connect, in_a_line
from tfseq.cluster.file_check import check_files
from tfseq.cluster.nodes_watch import NodesWatch
from tfseq.cluster.room import RoomWatch, alive_nodes, describe_room
from tfseq.errors import InputError
from tfseq.runs.run_directory import RunDirectory
from tfseq.tasks.prediction.model_worker import ModelWorker, Work, last_line
from tfseq.tasks.prediction.run_digests import run_digests

# Parts queued at each worker, so that it does not wait for the next.
_PARTS_A_WORKER = 2
# So many workers may die of one part, or one in the place of the other while they load the model.
_MOST_TRIES = 5
_SECONDS_A_LOOK = 1.0

#: The name and the values of each. None says that there is none before another has been done.
Parts = Iterable[tuple[Any, tuple] | None]


class _Part(NamedTuple):
    """A part that is to be done, and how it is called in messages."""

    name: Any
    values: tuple


class Workers:
    """The workers of a cluster for one run. They are started as there are parts for them.

    Attributes:
        most: how many there can be.
    """

    def __init__(
        self,
        connection: Connection,
        run_dir: Path,
        workers: int | None,
        log: Callable[[str], None],
    ):
        self._connection, self._run_dir, self._log = connection, str(run_dir.absolute()), log
        self._digests = run_digests(run_dir)
        num, self._unit = (
            (connection.num_gpus, "GPU") if connection.num_gpus else (connection.num_cpus, "CPU")
        )
        if workers and workers > num:
            raise InputError(
                f"`workers` must be at most the {self._unit}s of the cluster, {num}. Received: "
                f"{workers}."
            )
        self.most = workers or num
        self._all: list[Any] = []
        self._queued: Counter[Any] = Counter()
        self._loading: dict[Any, Any] = {}
        self._nodes: dict[Any, str] = {}
        # How many died while they loaded, each in the place of the one before it.
        self._died_before: Counter[Any] = Counter()

    def answers(self, work: Work, parts: Parts) -> Iterator[tuple[Any, Any]]:
        """What `work(task, *values)` makes of each part, with its name, as they are done.

        A part whose worker dies is done by another, and so is one whose answers were on a machine
        that has gone. Parts are read as they are needed: two for each worker are in memory.

        Args:
            work: a function that workers can import.
            parts: what is to be done.

        Raises:
            InputError: `work` has raised it; a file of the run is not the same on a node; five
                workers have died of a part, or while they loaded the model, each in the place of
                the one before it; or no machine has been there for ten minutes that could do the
                work.
        """
        import ray
        from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

        turns, waiting, backlog = iter(parts), {}, deque()
        tries: Counter[Any] = Counter()
        room, nodes = RoomWatch(self._log, lambda: describe_room(ray)), NodesWatch(ray, self._log)
        while True:
            while len(waiting) + len(backlog) < _PARTS_A_WORKER * self.most:
                if (part := next(turns, None)) is None:
                    break
                backlog.append(_Part(*part))
                self._start_more(len(waiting) + len(backlog))
            while backlog and (worker := self._free_worker()) is not None:
                part = backlog.popleft()
                self._queued[worker] += 1
                waiting[worker.answer.remote(work, part.values)] = part, worker
            if not waiting and not backlog:
                return
            while not (ready := self._ready([*waiting, *self._loading], room)):
                nodes.look()
            nodes.look()
            done = ready[0]
            if done in self._loading:
                self._has_loaded(done)
                continue
            part, worker = waiting[done]
            try:
                found, told = ray.get(done)
            except RayActorError as error:
                # It was at the first of what it had been given; the others fail with it.
                given = [ref for ref, (_, other) in waiting.items() if other is worker]
                lost = [waiting.pop(ref)[0] for ref in given]
                backlog.extendleft(reversed(lost))
                node = self._forget(worker)
                self._count(tries, "workers have died of", lost[0].name, error, node)
                self._start_more(len(waiting) + len(backlog))
                continue
            except ObjectLostError as error:
                # The answers stay on the machine that worked them out until they are fetched.
                del waiting[done]
                self._queued[worker] -= 1
                backlog.appendleft(part)
                what = "machines have gone with the answers of"
                self._count(tries, what, part.name, error, self._nodes[worker])
                continue
            except RayTaskError as error:
                what = f"part {part.name}: {last_line(error)}"
                raise self._given_up(what, node=self._nodes[worker]) from error
            del waiting[done]
            self._queued[worker] -= 1
            for message in told:
                warnings.warn(message, stacklevel=2)
            if isinstance(found, InputError):
                raise found
            yield part.name, found

    def end(self) -> None:
        """End all workers."""
        import ray

        for worker in [*self._all]:
            with contextlib.suppress(Exception):
                ray.kill(worker)
        self._all.clear()

    def _ready(self, references: list[Any], room: RoomWatch) -> list[Any]:
        """What has been done first; nothing where nothing has been done for a second."""
        import ray

        ready, _ = ray.wait(references, timeout=_SECONDS_A_LOOK)
        if ready:
            room.found()
            return ready
        loaded = len(self._all) > len(self._loading)
        room.wait(
            "no part has been done" if loaded else "no worker has loaded the model",
            any(
                node.get("CPU", 0) >= 1 and node.get(self._unit, 0) >= 1
                for node in alive_nodes(ray)
            ),
            f"`cluster`: no node has had a {self._unit} for a worker",
        )
        return []

    def _start_more(self, num_parts: int) -> None:
        while len(self._all) < min(self.most, num_parts):
            self._start()

    def _start(self, died_before: int = 0) -> None:
        import ray

        on_gpu = bool(self._connection.num_gpus)
        worker = ray.remote(num_cpus=1, num_gpus=int(on_gpu))(ModelWorker).remote()
        self._all.append(worker)
        self._died_before[worker] = died_before
        given = self._run_dir, self._digests, os.getcwd(), on_gpu
        self._loading[worker.load.remote(*given)] = worker

    def _free_worker(self) -> Any | None:
        """The one that has loaded the model and has the fewest parts; None where all have enough.

        One that waits for room on the cluster is given none: the others go on without it.
        """
        ready = [worker for worker in self._all if worker not in self._loading.values()]
        worker = min(ready, key=self._queued.__getitem__, default=None)
        return worker if worker is not None and self._queued[worker] < _PARTS_A_WORKER else None

    def _has_loaded(self, done: Any) -> None:
        import ray
        from ray.exceptions import RayActorError, RayTaskError

        worker = self._loading.pop(done)
        try:
            self._nodes[worker], other, failure = ray.get(done)
        except RayActorError as error:
            died = self._died_before[worker] + 1
            self._forget(worker)
            if died == _MOST_TRIES:
                what = f"{_MOST_TRIES} workers have died in a row while they loaded the model"
                raise self._given_up(what, error) from error
            self._start(died)
        except RayTaskError as error:
            raise self._given_up(f"a worker cannot load the run: {last_line(error)}") from error
        else:
            if failure:
                what = f"a worker cannot load the run: {failure}"
                raise self._given_up(what, node=self._nodes[worker])
            if other:
                raise InputError(
                    f"`run_dir`: {self._run_dir}/{other} is not the same file on the node "
                    f"{self._nodes[worker]} as here, or has changed since the command began. Every "
                    "node must see the same run."
                )

    def _forget(self, worker: Any) -> str | None:
        """Do without a worker; the node on which it had loaded the model."""
        import ray

        with contextlib.suppress(Exception):
            ray.kill(worker)
        self._all.remove(worker)
        del self._queued[worker], self._died_before[worker]
        return self._nodes.pop(worker, None)

    def _count(
        self, tries: Counter[Any], what: str, name: Any, error: Exception, node: str
    ) -> None:
        tries[name] += 1
        if tries[name] == _MOST_TRIES:
            raise self._given_up(f"{_MOST_TRIES} {what} part {name}", error, node) from error

    def _given_up(
        self, what: str, died: Exception | None = None, node: str | None = None
    ) -> InputError:
        reason = died and in_a_line(died)
        what = f"{what.rstrip('.')}: {reason}" if reason else f"{what.rstrip('.')}."
        where = f"the node {node}" if node else "a node"
        return InputError(
            f"`cluster`: {what} The logs of {where} are in {self._connection.logs} there."
        )


@contextlib.contextmanager
def workers_of(
    run_dir: Path, cluster: str, workers: int | None, log: Callable[[str], None]
) -> Iterator[Workers]:
    """Workers that load the model of a run, for as long as the block lasts.

    Args:
        run_dir: the run directory, which all machines of the cluster see.
        cluster: `auto`, or the address of a Ray cluster.
        workers: at most so many: one a GPU where the cluster has GPUs, else one a CPU. None
            takes as many as there is room for.
        log: where the line goes that describes the cluster.

    Raises:
        InputError: the cluster cannot be used, is too small, or has a machine that does not see
            the run.
    """
    with connect(cluster, log=log) as connection:
        found = Workers(connection, run_dir, workers, log)
        check_files([RunDirectory(run_dir.absolute()).weights], argument="run_dir")
        try:
            yield found
        finally:
            found.end()
