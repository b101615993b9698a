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
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import ops

import tfseq
from tfseq import cells

SIZES = ("8x35x128", "32x35x256", "64x64x512", "32x256x256", "1x1x512")
CELLS = {
    "rnn": (cells.SimpleRNNCell, keras.layers.SimpleRNNCell, keras.layers.SimpleRNN),
    "gru": (cells.GRUCell, keras.layers.GRUCell, keras.layers.GRU),
    "lstm": (cells.LSTMCell, keras.layers.LSTMCell, keras.layers.LSTM),
}
PARTS = ("layers", "language_model", "bfloat16", "own_cell", "floor", "memory")
MEMORY_STEPS = (64, 128, 256, 512, 1024, 2048)
SECONDS_A_TURN = 0.12


class LeakyCell(cells.GRUCell):
    """A user's cell: a GRU that never takes more than four fifths of the new state."""

    def call(self, inputs, states, training=None):
        new, _ = super().call(inputs, states, training=training)
        h = 0.2 * ops.cast(states[0], new.dtype) + 0.8 * new
        return h, [h]


@dataclass
class Size:
    """Batch × steps × units."""

    batch: int
    steps: int
    units: int

    @classmethod
    def parse(cls, text: str):
        return cls(*map(int, text.split("x")))

    def __str__(self):
        return f"{self.batch}×{self.steps}×{self.units}"


def layer_tasks(layer, size: Size, xla: bool = False) -> dict[str, Callable]:
    """Training and a forward pass of `layer`."""
    shape = [size.batch, size.steps, size.units]
    x = tf.random.normal(shape, dtype=layer.compute_dtype)
    cotangent = tf.random.normal(shape, dtype=layer.compute_dtype)
    layer.build(shape)

    def loss(x):
        return tf.reduce_sum(tf.cast(layer(x, training=True) * cotangent, tf.float32))

    train = training_step(layer.trainable_variables, loss, x, xla)
    forward = tf.function(lambda: layer(x, training=False), jit_compile=xla, autograph=False)
    return {"training": train, "forward": forward}


def training_step(variables, loss, x, xla: bool) -> Callable:
    """Forward, backward, clip, update. `x` gets a gradient where it is of floats."""

    @tf.function(jit_compile=xla, autograph=False)
    def train():
        weights = [v.value for v in variables]
        with tf.GradientTape() as tape:
            if x.dtype.is_floating:
                tape.watch(x)
            value = loss(x)
        sources = [x, *weights] if x.dtype.is_floating else weights
        gradients = tape.gradient(value, sources)
        clipped, _ = tf.clip_by_global_norm(gradients[-len(weights) :], 1.0)
        for variable, gradient in zip(variables, clipped, strict=True):
            variable.assign(variable - 1e-3 * tf.convert_to_tensor(gradient))
        return value, gradients[0]

    return train


def layers_of_keras(cell: str, size: Size) -> dict[str, dict]:
    """What Keras itself has, as it is and compiled as a whole."""
    _, cell_type, layer_type = CELLS[cell]
    makers = {
        f"keras {layer_type.__name__}": lambda: layer_type(size.units, return_sequences=True),
        "keras RNN(cell)": lambda: keras.layers.RNN(cell_type(size.units), return_sequences=True),
    }
    ways = {}
    for name, make in makers.items():
        ways[name] = layer_tasks(make(), size)
        ways[f"{name}, XLA"] = layer_tasks(make(), size, xla=True)
    return ways


def ours(cell_type, size: Size, dtype: str = "float32"):
    return tfseq.RNN(cell_type(size.units, dtype=dtype), return_sequences=True, dtype=dtype)


def products_alone(cell: str, size: Size, xla: bool) -> Callable:
    """The matrix products of a training step: those of the two loops, and the four over all."""
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[cell]
    batch, steps, units = size.batch, size.steps, size.units
    rows = tf.random.normal([steps * batch, units])
    kernel = tf.random.normal([units, gates * units]) / units
    wide = tf.random.normal([gates * units, units]) / units
    blocks = tf.random.normal([steps * batch, gates * units])

    def loop(h, first, back):
        # What is multiplied next is cut from, or filled with, what came out.
        def forward(t, h):
            return t + 1, (h @ first)[:, :units]

        def backward(t, z):
            return t + 1, tf.tile(z @ back, [1, gates])

        _, h = tf.while_loop(lambda t, _: t < steps, forward, (0, h))
        _, z = tf.while_loop(lambda t, _: t < steps, backward, (0, tf.tile(h, [1, gates])))
        return z

    @tf.function(jit_compile=xla, autograph=False)
    def products(rows, kernel, wide, blocks):
        z = loop(rows[:batch], kernel, wide)
        projected, d_rows = rows @ kernel, blocks @ wide
        d_kernels = [tf.matmul(a, blocks, transpose_a=True) for a in (rows, rows + 1.0)]
        return z, projected, d_rows, d_kernels

    return partial(products, rows, kernel, wide, blocks)


def language_model_tasks(cell: str, size: Size, vocabulary: int, embedding: bool) -> dict:
    """Training of ids → embedding or one-hot → layer → logits → loss: ours, and on keras.layers."""
    ids = tf.random.uniform([size.batch, size.steps + 1], 0, vocabulary, tf.int32)
    width = size.units if embedding else None
    model = tfseq.LanguageModel(vocabulary, cell=cell, units=size.units, embedding_size=width)
    tasks = {
        f"tfseq{', XLA' if xla else ''}": {"training": _language_model_step(model, ids, xla)}
        for xla in (False, True)
    }
    layer_type = CELLS[cell][2]
    for xla in (False, True):
        embed = (
            keras.layers.Embedding(vocabulary, size.units)
            if embedding
            else keras.layers.Lambda(
                partial(keras.ops.one_hot, num_classes=vocabulary),
                output_shape=lambda shape: (*shape, vocabulary),
            )
        )
        layers = [
            embed,
            layer_type(size.units, return_sequences=True),
            keras.layers.Dense(vocabulary),
        ]
        peer = keras.Sequential([keras.Input((size.steps,), size.batch, dtype="int32"), *layers])
        name = f"keras {layer_type.__name__}" + (", XLA" if xla else "")
        tasks[name] = {"training": _language_model_step(peer, ids, xla)}
    return tasks


def _language_model_step(model, ids, xla):
    def loss(ids):
        logits = model(ids[:, :-1], training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids[:, 1:], logits=logits)
        return tf.reduce_mean(losses)

    return training_step(model.trainable_variables, loss, ids, xla)


class Torch:
    """The process that runs PyTorch; `tasks` of what it has built."""

    def __init__(self):
        script = Path(__file__).with_name("rnn_layers_torch.py")
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


def measure(part: str, cell: str, size: Size, torch, turns: int) -> None:
    """One part for one cell and size."""
    cell_type = CELLS[cell][0]
    if part == "layers":
        ways = {
            "tfseq": layer_tasks(ours(cell_type, size), size),
            "tfseq, XLA": layer_tasks(ours(cell_type, size), size, xla=True),
            **layers_of_keras(cell, size),
        }
        compare(cell, size, ways, torch, turns, cell=cell)
        return
    if part == "bfloat16":
        names = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
        ways = {n: layer_tasks(ours(cell_type, size, d), size) for n, d in names.items()}
        pairs = {"float32 / bfloat16": ("float32", "bfloat16")}
    elif part == "own_cell":
        plain = keras.layers.RNN(LeakyCell(size.units), return_sequences=True)
        ways = {
            "tfseq.RNN": layer_tasks(ours(LeakyCell, size), size),
            "keras.layers.RNN": layer_tasks(plain, size),
        }
        plain = keras.layers.RNN(LeakyCell(size.units), return_sequences=True)
        ways["keras.layers.RNN, XLA"] = layer_tasks(plain, size, xla=True)
        pairs = {f"{name} / tfseq.RNN": (name, "tfseq.RNN") for name in list(ways)[1:]}
    else:
        ways = {"tfseq": {"training": layer_tasks(ours(cell_type, size), size)["training"]}}
        for name, xla in {"products": False, "products, XLA": True}.items():
            ways[name] = {"training": products_alone(cell, size, xla)}
        pairs = {f"{name} / tfseq": (name, "tfseq") for name in list(ways)[1:]}
    for task in next(iter(ways.values())):
        clocks = {name: partial(clock, tasks[task]) for name, tasks in ways.items()}
        seconds = take_turns(clocks, turns)
        ratios = {name: (seconds[a], seconds[b]) for name, (a, b) in pairs.items()}
        report(f"{part}, {cell}, {task}", size, seconds, ratios)


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
        import rnn_layers_torch

        train = rnn_layers_torch.layer_tasks("lstm", 32, steps, 256)["training"]
    else:
        layer = (
            ours(cells.LSTMCell, size)
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
                    measure(part, cell, size, torch, options.turns)
    if torch:
        torch.close()


if __name__ == "__main__":
    main()
