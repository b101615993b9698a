"""The contenders of `training.py` as processes: started, told what to build, and tuned."""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from training_loops.child import Loop

BENCHMARKS = Path(__file__).resolve().parents[1]
HERE = BENCHMARKS.parent
KEEP_FREED_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**26),
}
# A thread's own arena gives memory back all the same; with one for all, threads wait for it.
TUNED = (KEEP_FREED_MEMORY, KEEP_FREED_MEMORY | {"MALLOC_ARENA_MAX": "1"})


def paths(root: Path) -> dict[str, str]:
    """The variable by which a process finds tfseq in a checkout, and what is beside this script."""
    return {"PYTHONPATH": os.pathsep.join([str(root), str(BENCHMARKS)])}


class Contender:
    """A process that trains as it is told."""

    def __init__(self, name: str, python: str, script: str, root: Path, environment: dict):
        self.name = name
        self._complaints = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env=os.environ | paths(root) | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        )

    def build(self, loop: Loop, **settings) -> dict[str, Any]:
        return self._ask(loop=dataclasses.asdict(loop), build=settings)

    def train(self, steps: int) -> dict[str, Any]:
        return self._ask(train=steps)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._complaints.close()

    def _ask(self, **request) -> dict[str, Any]:
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self._complaints.seek(0)
            tail = self._complaints.read()[-2000:]
            raise RuntimeError(f"{self.name} ended while asked to {request}:\n{tail}") from None


def start_tfseq(
    root: Path = HERE, name: str = "tfseq", environment: dict[str, str] | None = None
) -> Contender:
    return Contender(name, sys.executable, "tensorflow_loop.py", root, environment or {})


def start_peer(peer: str, python: str, environment: dict[str, str], name: str) -> Contender:
    script = {"keras": "tensorflow_loop.py"}.get(peer, f"{peer}_loop.py")
    return Contender(name, python, script, HERE, environment)


def build_peer(peer: str, options: argparse.Namespace, loop: Loop, tuned=False, **settings):
    """A peer with its loop built; tuned, with the settings of malloc that suit it best."""
    whose = {"whose": "keras"} if peer == "keras" else {}
    best, least = None, np.inf
    for environment in TUNED if tuned else ({},):
        name = f"{peer}, tuned" if tuned else peer
        contender = start_peer(peer, options.pythons[peer], environment, name)
        contender.build(loop, tuned=tuned, **whose, **settings)
        if not tuned or "load" in settings:  # Text that is loaded is short: none for trying.
            return contender
        contender.train(3)
        seconds = contender.train(10)["seconds"]
        if seconds < least:
            best, contender, least = contender, best, seconds
        if contender:
            contender.close()
    return best


def start_all(loop: Loop, options: argparse.Namespace) -> dict[str, Contender]:
    """One process for each contender, with its loop built."""
    contenders = {"tfseq": start_tfseq()}
    contenders["tfseq"].build(loop, whose="tfseq", root=str(HERE), options=options.set)
    if options.baseline:
        before = contenders["before"] = start_tfseq(options.baseline, "before")
        before.build(loop, whose="tfseq", root=str(options.baseline))
    for peer in peers_of(loop, options):
        for tuned in (False, True):
            contender = build_peer(peer, options, loop, tuned)
            contenders[contender.name] = contender
    return contenders


def peers_of(loop: Loop, options: argparse.Namespace) -> list[str]:
    """The peers of a loop: for a cell of one's own in Keras see `rnn_layers.py`."""
    return [peer for peer in options.peers if peer != "keras" or loop.cell != "own"]
