"""Training on the machines of a cluster: Ray Train starts the workers, `tf.distribute` sums."""

import contextlib
import dataclasses
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfseq.cluster.connection import Connection, connect, keep_ray_quiet, usable_cpus
from tfseq.errors import InputError
from tfseq.tasks.cluster_relay import Relay, raised
from tfseq.tasks.cluster_room import WorkersWatch

_STORAGE = ".ray"
_SECONDS = 0.2
# Ray's own options, for its controller and workers. Workers stay in the directory of the driver.
_ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
}
# Failures that training goes on after. It ends long before, if they come without a step between.
_MOST_FAILURES = 1000


@contextlib.contextmanager
def workers_of(options: Any, log: Callable[[str], None]) -> Iterator[Callable | None]:
    """What trains a run in place of this process; None where this process trains it.

    Args:
        options: with `workers` and `cluster`.
        log: where messages go.

    Yields:
        run -> None: see `elsewhere` of `TrainingRun.fit`.

    Raises:
        InputError: the cluster cannot be used, or is too small.
    """
    workers = getattr(options, "workers", 1)
    if workers == 1:
        yield None
        return
    if options.batch_size is not None:
        options.check_workers(options.batch_size)
    if options.cluster is None:
        with working_on_devices(workers, log):
            yield None
        return
    import_ray_train()
    num_cpus = max(usable_cpus(), workers * options.worker_cpus)
    with connect(options.cluster, num_cpus=num_cpus, log=log) as connection:
        check_room(options, connection)
        _share_gpus()
        yield lambda run: _train(run, options, connection, log)


@contextlib.contextmanager
def working_on_devices(workers: int, log: Callable[[str], None]) -> Iterator[None]:
    """While it is open, runs that are prepared train on so many devices of this machine.

    Devices are its GPUs, or else its CPUs where TensorFlow has been told that there are several
    (`tf.config.set_logical_device_configuration`).

    Raises:
        InputError: there are fewer.
    """
    import tensorflow as tf

    from tfseq.runs.workers.workers import LocalDevices, working_with

    gpus, cpus = map(tf.config.list_logical_devices, ("GPU", "CPU"))
    devices = gpus or (cpus if len(cpus) > 1 else [])
    if len(devices) < workers:
        raise InputError(
            f"`workers` without `cluster` must not be more than the GPUs of this machine, which "
            f"has {len(devices)}. Add `cluster` auto: then each worker is a process. Received: "
            f"{workers}."
        )
    names = [device.name.removeprefix("/device:") for device in devices[:workers]]
    with working_with(LocalDevices(names)):
        log(f"workers {workers}: {', '.join(names)}")
        yield


def import_ray_train() -> None:
    """Raise InputError unless Ray Train can be imported."""
    keep_ray_quiet()
    try:
        import ray.train.tensorflow  # noqa: F401
    except ImportError as error:
        raise InputError(
            '`workers` on a cluster need Ray Train: `pip install "tfseq[scale]"`. '
            f"Received: {error}."
        ) from None


def check_room(options: Any, connection: Connection) -> None:
    """Raise InputError unless there is a GPU, or there are threads, for each worker."""
    needed = options.workers * options.worker_cpus
    if connection.num_gpus:
        if connection.num_gpus < options.workers:
            raise InputError(
                "`workers` must not be more than the GPUs of the cluster. Received: `workers` "
                f"{options.workers}; the cluster has {connection.num_gpus} GPUs."
            )
    elif connection.num_cpus < needed:
        raise InputError(
            "`workers` times `worker_cpus` must not be more than the CPUs of the cluster. Received:"
            f" {options.workers} times {options.worker_cpus}; the cluster has "
            f"{connection.num_cpus} CPUs."
        )


def _train(run: Any, options: Any, connection: Connection, log: Callable[[str], None]) -> None:
    import ray

    os.environ.update(_ENVIRONMENT)
    logging.getLogger("ray.train").setLevel(logging.CRITICAL)
    here = ray.get_runtime_context().get_node_id()
    affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
    relay = ray.remote(num_cpus=0)(Relay).options(scheduling_strategy=affinity).remote()
    storage = run.directory.path.absolute() / _STORAGE
    shutil.rmtree(storage, ignore_errors=True)
    config = {
        "options": dataclasses.replace(run.options, resume=True, cluster=None),
        "relay": relay,
        # Of this process: what Ray does in a worker may draw from Python's random numbers.
        "start": ray.put(run.trainer.checkpoint()),
        "directory": os.getcwd(),
    }
    on = "GPU" if connection.num_gpus else f"thread{'s' * (options.worker_cpus > 1)}"
    count = "a" if connection.num_gpus else options.worker_cpus
    log(f"workers {options.workers}, with {count} {on} each\n")
    each = {"CPU": float(options.worker_cpus), **({"GPU": 1.0} if connection.num_gpus else {})}
    watch = WorkersWatch(options.workers, each, log)
    outcome: list[BaseException | None] = []
    # Not in the main thread: there, Ray would take Ctrl-C for itself.
    thread = threading.Thread(
        target=_fit, args=(options, connection, config, storage, outcome), daemon=True
    )
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_SECONDS)
            _pass_on(ray, relay, log)
            watch.look()
        _, ending = _pass_on(ray, relay, log)
        if ending is not None:
            raise raised(ending)
        if outcome[0] is not None:
            raise _what_failed(outcome[0], ray.get(relay.places.remote()), connection)
    finally:
        with contextlib.suppress(Exception):
            ray.kill(relay)
        shutil.rmtree(storage, ignore_errors=True)


def _pass_on(ray: Any, relay: Any, log: Callable[[str], None]) -> tuple:
    lines, ending = ray.get(relay.take.remote())
    for line in lines:
        log(line)
    return lines, ending


def _fit(options: Any, connection: Connection, config: dict, storage: Path, outcome: list) -> None:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer

    trainer = TensorflowTrainer(
        work,
        train_loop_config=config,
        scaling_config=ScalingConfig(
            num_workers=options.workers,
            use_gpu=bool(connection.num_gpus),
            resources_per_worker={"CPU": options.worker_cpus},
        ),
        run_config=RunConfig(
            name="workers",
            storage_path=str(storage),
            failure_config=FailureConfig(max_failures=_MOST_FAILURES),
        ),
    )
    try:
        trainer.fit()
        outcome.append(None)
    except BaseException as error:
        outcome.append(error)


def _what_failed(error: Any, places: dict[int, str], connection: Connection) -> InputError:
    failures = getattr(error, "worker_failures", {})
    rank = next(iter(sorted(failures)), None)
    reason = str(failures.get(rank, error)).strip().splitlines()
    where = f"worker {rank} {places.get(rank, '')}" if rank is not None else "Ray Train"
    return InputError(
        f"{where} failed: {reason[-1] if reason else type(error).__name__}. Logs of a node are in "
        f"{connection.logs} there."
    )


def _share_gpus() -> None:
    """Leave the memory of this machine's GPUs to the workers, but for what is needed."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # They are in use.
            tf.config.experimental.set_memory_growth(gpu, True)


def work(config: dict[str, Any]) -> None:
    """What each worker does: the loop of Ray Train."""
    import ray
    from ray.train import get_context

    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    with contextlib.suppress(OSError):
        os.chdir(config["directory"])
    options, relay, rank = config["options"], config["relay"], get_context().get_world_rank()
    context = ray.get_runtime_context()
    node = ray.util.get_node_ip_address()
    log = f"worker-{context.get_worker_id()}-*-{os.getpid()}.err"
    ray.get(relay.here.remote(rank, f"on node {node} (its log there: {log})"))

    import tensorflow as tf

    from tfseq.runs.trainer import DivergenceError
    from tfseq.runs.workers.worker_run import train_with_others
    from tfseq.runs.workers.workers import WorkerGroup, worker_strategy, working_with
    from tfseq.tasks.table import PREPARATIONS

    tf.config.threading.set_intra_op_parallelism_threads(options.worker_cpus)
    _share_gpus()
    group = WorkerGroup(worker_strategy(), rank)
    if group.found(lambda: ray.get(relay.ending.remote()) is not None):
        return

    def say(line: str) -> None:
        if rank == 0:
            ray.get(relay.say.remote(line))

    def begins(step: int) -> None:
        ending = ray.get(relay.begin.remote(step))
        if ending is not None:
            raise InputError(ending.message)

    try:
        with working_with(group):
            training = PREPARATIONS.find(options.task)(options, say)
            train_with_others(training.run, lambda: ray.get(config["start"]), begins)
    except InputError as error:
        kind = "divergence" if isinstance(error, DivergenceError) else "input"
        place = "" if kind == "divergence" else f"worker {rank} on node {node}: "
        ray.get(relay.end.remote(kind, f"{place}{error}"))
        raise
