"""Runs beside each other: of the text stage, of steps of training, and of the script."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaling.training_group import TrainingGroup
from scaling.training_simulation import TrainingCosts, fitted

_PLACE = Path(__file__).resolve().parent
ALONE, ON_ONE_THREAD, ONE_WORKER, TWO_WORKERS = (
    "one process",
    "one process, one thread",
    "1 worker",
    "2 workers",
)
#: Numbers that are added up over two processes: few, and many.
_SUMS = (1_000, 4_000_000)
_SECONDS = 2.0


def in_child(script: str, **settings: Any) -> dict[str, Any]:
    """What a script beside this one prints, given a directory `work` of its own."""
    with _directory() as work:
        settings = json.dumps({**settings, "work": work})
        printed = _run([sys.executable, str(_PLACE / script), settings], work)
    return json.loads(printed.splitlines()[-1])


def _directory() -> tempfile.TemporaryDirectory:
    """A directory whose path is short enough for Ray's sockets."""
    return tempfile.TemporaryDirectory(prefix="s", dir="/tmp")


def _run(command: list[str], place: str) -> str:
    """What a command prints. A cluster that runs on this machine already is not found by it."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "TMPDIR": place}
    environment.pop("RAY_ADDRESS", None)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def take_turns(contenders: dict[str, Callable[[], Any]], turns: int) -> dict[str, list]:
    """What each contender gives in each turn. Another one begins each time."""
    given, names = {name: [] for name in contenders}, list(contenders)
    for turn in range(turns):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            given[name].append(contenders[name]())
    return given


def measure_text(text: Path, tokenizer: str, pieces: int, turns: int) -> dict[str, list[dict]]:
    """Runs of the text stage, by one process and by clusters of this machine."""
    piece_bytes = text.stat().st_size // pieces + 1

    def run(workers: int) -> Callable[[], dict]:
        how = {"tokenizer": tokenizer, "workers": workers, "piece_bytes": piece_bytes}
        return lambda: in_child("text_runs.py", text=str(text), **how)

    kinds = {ALONE: 0, ON_ONE_THREAD: -1, ONE_WORKER: 1, TWO_WORKERS: 2}
    return take_turns({name: run(workers) for name, workers in kinds.items()}, turns)


def measure_training(loop: str, turns: int) -> tuple[dict[str, list[float]], TrainingCosts]:
    """Seconds of a step, by one process and by two together; and what its parts cost.

    Args:
        loop: `cell:batch×steps×units:embedding:vocabulary`, as in `training.py`.
        turns: of each.
    """
    cell, size, *others = loop.split(":")
    rows, *sizes = size.split("x")
    quarter = str(int(rows) // 4)
    fewer_rows = ":".join([cell, "x".join([quarter, *sizes]), *others])
    cores = len(os.sched_getaffinity(0))
    kinds = {
        ALONE: (1, cores, loop),
        ON_ONE_THREAD: (1, 1, loop),
        TWO_WORKERS: (2, 1, loop),
        fewer_rows: (1, 1, fewer_rows),
    }
    groups: dict[str, TrainingGroup] = {}
    try:
        for name, (workers, threads, _) in kinds.items():
            groups[name] = TrainingGroup(workers, threads)
        contenders = {}
        for name, (*_, what) in kinds.items():
            group = groups[name]
            (parameters, *_) = group.ask("build", what)
            group.ask("train", 2)
            steps = max(2, min(200, int(_SECONDS / max(group.ask("train", 2)))))
            contenders[name] = lambda group=group, steps=steps: max(group.ask("train", steps))
        seconds = take_turns(contenders, turns)
        # Other work on the machine can only add to them.
        sums = [min(map(max, *groups[TWO_WORKERS].ask("sum", n, 4 * turns))) for n in _SUMS]
    finally:
        for group in groups.values():
            group.close()
    of_rows = [statistics.median(seconds[name]) for name in (fewer_rows, ON_ONE_THREAD)]
    fixed, row = fitted((int(quarter), int(rows)), of_rows)
    # Two processes pass on two messages, each of half of the bytes.
    hop, byte = fitted([2 * n for n in _SUMS], [s / 2 for s in sums])
    del seconds[fewer_rows]
    return seconds, TrainingCosts(fixed, row, hop, byte, parameters)


def measure_script(text: Path, turns: int) -> dict[str, list[dict]]:
    """Whole runs of the script that trains a language model: seconds, and tokens a second."""

    def run(*words: str) -> Callable[[], dict]:
        def once() -> dict:
            with _directory() as place:
                script = _PLACE.parents[1] / "pipelines" / "train_language_model.py"
                command = [sys.executable, str(script), f"--corpus={text}", "--epochs=1"]
                command += [f"--run-dir={place}/run", f"--cache-dir={place}/cache"]
                start = time.perf_counter()
                _run([*command, "--no-export", "--sample-epochs=0", *words], place)
                seconds = time.perf_counter() - start
                metrics = json.loads(Path(place, "run", "metrics.json").read_text())
            return {"seconds": seconds, "tokens_per_second": metrics["tokens_per_second"]}

        return once

    kinds = {
        ALONE: (),
        "--cluster auto --workers 1": ("--cluster=auto", "--workers=1"),
        "--cluster auto --workers 2": ("--cluster=auto", "--workers=2"),
    }
    return take_turns({name: run(*words) for name, words in kinds.items()}, turns)
