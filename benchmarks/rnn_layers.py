"""`tfseq.RNN` beside `keras.layers` and `torch.nn`: time and memory of training and forward passes.

    python benchmarks/rnn_layers.py
    python benchmarks/rnn_layers.py --parts layers --sizes 32x35x256 --cells lstm
    python benchmarks/rnn_layers.py --parts memory

`layers`: one layer, as many features as units. A training step is forward, backward for inputs
and weights, clipping, update. `language_model`: the whole step, from ids to the update of all
weights. `bfloat16`: ours beside our own float32. `own_cell`: a user's subclass in `tfseq.RNN` and
in `keras.layers.RNN`. `floor`: the matrix products alone. `memory`: peak memory of a training step
as the sequence grows, each in a process of its own.

All take turns in one run. A ratio is that of medians; behind it that of single turns, 10th to 90th
percentile. Ours and those of Keras run as they are, and with the whole function compiled (`XLA`);
the fastest of each counts. PyTorch runs in a process of its own, with the number of threads that
suits it best. On a machine with a GPU all of them use it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from layer_loops.tasks import (
    CELLS,
    Size,
    language_model_tasks,
    layer_tasks,
    layers_of_keras,
    ours,
    own_cell,
    products_alone,
)

SIZES = ("8x35x128", "32x35x256", "64x64x512", "32x256x256", "1x1x512")
MEMORY_STEPS = (64, 128, 256, 512, 1024, 2048)
SECONDS_A_TURN = 0.12


class Torch:
    """The process that runs PyTorch; `tasks` of what it has built."""

    def __init__(self):
        script = Path(__file__).with_name("layer_loops") / "torch_tasks.py"
        self._process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def build(self, **wanted) -> dict[str, int]:
        """Builds, and returns the number of threads of each task."""
        return self._ask(build=wanted)

    def time(self, task: str, runs: int) -> list[float]:
        return self._ask(time=task, runs=runs)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, **request):
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def clock(task: Callable, runs: int) -> list[float]:
    """Seconds of each of `runs` runs."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        _wait_for(task())
        seconds.append(time.perf_counter() - start)
    return seconds


def _wait_for(results):
    tf.nest.flatten(results)[0].numpy()


def take_turns(clocks: dict[str, Callable], turns: int) -> dict[str, np.ndarray]:
    """Seconds of a run, by contender: the median of each of its turns."""
    runs = {}
    for name, run in clocks.items():
        run(2)
        runs[name] = int(np.clip(SECONDS_A_TURN / min(run(2)), 1, 25))
    medians = {name: [] for name in clocks}
    for _ in range(turns):
        for name, run in clocks.items():
            # The first run of a turn finds the caches and threads of another.
            medians[name].append(np.median(run(runs[name] + 1)[1:]))
    return {name: np.array(values) for name, values in medians.items()}


def report(title: str, size: Size, seconds: dict[str, np.ndarray], ratios: dict) -> None:
    """Prints one table: times, tokens/s, and how many times each peer takes what ours takes."""
    print(f"\n{title}, {size}")
    tokens = size.batch * size.steps
    for name, values in seconds.items():
        low, middle, high = np.percentile(values * 1e3, [10, 50, 90])
        print(
            f"  {name:24} {middle:9.2f} ms ({low:.2f} to {high:.2f})"
            f" {tokens / middle * 1e3:12,.0f} tokens/s"
        )
    for name, (peer, own) in ratios.items():
        low, high = np.percentile(peer / own, [10, 90])
        ratio = np.median(peer) / np.median(own)
        print(f"  {name:24} {ratio:9.2f} ({low:.2f} to {high:.2f})")
    sys.stdout.flush()


def fastest(seconds: dict[str, np.ndarray], kind: str) -> np.ndarray:
    """The seconds of the way of this kind that has the lowest median."""
    ways = [values for name, values in seconds.items() if name.startswith(kind)]
    return min(ways, key=np.median)


def compare(title, size, ways, torch, turns, **wanted) -> None:
    """Measures `ways`, named after whose they are, and PyTorch, for each task of ours."""
    threads = torch.build(batch=size.batch, steps=size.steps, units=size.units, **wanted)
    for task in ways["tfseq"]:
        clocks = {name: partial(clock, tasks[task]) for name, tasks in ways.items()}
        clocks["torch"] = partial(torch.time, task)
        seconds = take_turns(clocks, turns)
        own = fastest(seconds, "tfseq")
        ratios = {
            "keras / tfseq": (fastest(seconds, "keras"), own),
            "torch / tfseq": (seconds["torch"], own),
        }
        report(f"{title}, {task} (torch: {threads[task]} threads)", size, seconds, ratios)


def measure_layers(cell: str, size: Size, torch, turns: int) -> None:
    """One layer of ours beside those of the peers."""
    ways = {
        "tfseq": layer_tasks(ours(cell, size), size),
        "tfseq, XLA": layer_tasks(ours(cell, size), size, xla=True),
        **layers_of_keras(cell, size),
    }
    compare(cell, size, ways, torch, turns, cell=cell)


def measure_bfloat16(cell: str, size: Size, torch, turns: int) -> None:
    """Ours in two precisions."""
    ways = {
        "float32": layer_tasks(ours(cell, size), size),
        "bfloat16": layer_tasks(ours(cell, size, "mixed_bfloat16"), size),
    }
    compare_pairs(f"bfloat16, {cell}", size, ways, "bfloat16", turns)


def measure_own_cell(cell: str, size: Size, torch, turns: int) -> None:
    """A user's subclass of the cell in our layer and in that of Keras."""
    cell_type = own_cell(CELLS[cell][0])
    ways = {"tfseq.RNN": layer_tasks(ours(cell_type, size), size)}
    for xla in (False, True):
        plain = keras.layers.RNN(cell_type(size.units), return_sequences=True)
        name = f"keras.layers.RNN{', XLA' if xla else ''}"
        ways[name] = layer_tasks(plain, size, xla)
    compare_pairs(f"a user's own {cell}", size, ways, "tfseq.RNN", turns)


def measure_floor(cell: str, size: Size, torch, turns: int) -> None:
    """The matrix products of a training step alone, beside the whole step."""
    ways = {"tfseq": {"training": layer_tasks(ours(cell, size), size)["training"]}}
    for xla in (False, True):
        name = f"products{', XLA' if xla else ''}"
        ways[name] = {"training": products_alone(cell, size, xla)}
    compare_pairs(f"floor, {cell}", size, ways, "tfseq", turns)


def compare_pairs(title, size, ways, own: str, turns) -> None:
    """Measures `ways`, and how many times what `own` takes each of the others does."""
    for task in ways[own]:
        clocks = {name: partial(clock, tasks[task]) for name, tasks in ways.items()}
        seconds = take_turns(clocks, turns)
        ratios = {
            f"{name} / {own}": (values, seconds[own])
            for name, values in seconds.items()
            if name != own
        }
        report(f"{title}, {task}", size, seconds, ratios)


def measure_language_models(names, torch, turns: int) -> None:
    """The whole training step, over 28 symbols and over 5,000 words."""
    size = Size(32, 35, 256)
    for cell in names:
        for vocabulary, embedding in ((28, False), (28, True), (5000, True)):
            ways = language_model_tasks(cell, size, vocabulary, embedding)
            title = f"language model, {cell}, {vocabulary} {'embedded' if embedding else 'one-hot'}"
            compare(
                title, size, ways, torch, turns, cell=cell, vocabulary=vocabulary,
                embedding=embedding,
            )  # fmt: skip


def peak_memory(name: str, steps: int) -> float:
    """MB that three training steps add to the most this process has held, batch 32, 256 units."""
    size = Size(32, steps, 256)
    if name == "torch":
        from layer_loops import torch_tasks

        train = torch_tasks.layer_tasks("lstm", 32, steps, 256)["training"]
    else:
        layer = (
            ours("lstm", size)
            if name == "tfseq"
            else keras.layers.LSTM(size.units, return_sequences=True)
        )
        train = layer_tasks(layer, size)["training"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        train()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def measure_memory(with_torch: bool) -> None:
    """Prints peak memory against the number of steps."""
    names = ["tfseq", "keras", *(["torch"] if with_torch else [])]
    print("\nMB added by training steps, lstm, batch 32, 256 units")
    print("  steps " + "".join(f"{name:>10}" for name in names))
    for steps in MEMORY_STEPS:
        command = [sys.executable, __file__, "--memory-of"]
        values = [
            subprocess.run([*command, name, str(steps)], capture_output=True, text=True, check=True)
            for name in names
        ]
        print(f"{steps:7} " + "".join(f"{float(v.stdout):10.0f}" for v in values), flush=True)


MEASURES = {
    "layers": measure_layers,
    "bfloat16": measure_bfloat16,
    "own_cell": measure_own_cell,
    "floor": measure_floor,
}
PARTS = (*MEASURES, "language_model", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="batch x steps x units")
    parser.add_argument("--cells", nargs="+", choices=tuple(CELLS), default=tuple(CELLS))
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        name, steps = options.memory_of
        print(peak_memory(name, int(steps)))
        return
    with_torch = find_spec("torch") is not None
    print(
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {len(os.sched_getaffinity(0))} "
        f"cores, {options.turns} turns; medians (10th to 90th percentile)"
    )
    torch = Torch() if with_torch else None
    for part in options.parts:
        if part == "memory":
            measure_memory(with_torch)
        elif part == "language_model":
            measure_language_models([c for c in options.cells if c != "rnn"], torch, options.turns)
        else:
            for size in map(Size.parse, options.sizes):
                for cell in options.cells:
                    MEASURES[part](cell, size, torch, options.turns)
    if torch:
        torch.close()


if __name__ == "__main__":
    main()
