"""PyTorch's side of `rnn_layers.py`: a process that builds models and times them as it is told.

Reads one JSON request a line, and answers with one. `{"build": {...}}` builds what the others
build and finds the better number of threads for each task; `{"time": task, "runs": n}` answers
with the seconds of n runs.
"""

import json
import os
import sys
import time

import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LAYERS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


def layer_tasks(cell, batch, steps, units, **_):
    """Training and a forward pass of one layer, `[batch, steps, units]` in and out."""
    layer = LAYERS[cell](units, units, batch_first=True).to(DEVICE)
    x = torch.randn(batch, steps, units, device=DEVICE, requires_grad=True)
    cotangent = torch.randn(batch, steps, units, device=DEVICE)

    def train():
        x.grad = None
        step(layer, lambda: (layer(x)[0] * cotangent).sum())

    def forward():
        with torch.no_grad():
            layer(x)

    return {"training": train, "forward": forward}


def language_model_tasks(cell, batch, steps, units, vocabulary, embedding):
    """Training of ids → embedding or one-hot → layer → logits → loss."""
    table = torch.nn.Embedding(vocabulary, units) if embedding else None
    layer = LAYERS[cell](units if embedding else vocabulary, units, batch_first=True)
    output = torch.nn.Linear(units, vocabulary)
    model = torch.nn.ModuleList([m for m in (table, layer, output) if m is not None])
    model.to(DEVICE)
    ids = torch.randint(vocabulary, (batch, steps + 1), device=DEVICE)

    def loss():
        x = ids[:, :-1]
        x = table(x) if embedding else torch.nn.functional.one_hot(x, vocabulary).float()
        logits = output(layer(x)[0])
        return torch.nn.functional.cross_entropy(
            logits.reshape(-1, vocabulary), ids[:, 1:].reshape(-1)
        )

    return {"training": lambda: step(model, loss)}


def step(model, loss):
    """Forward, backward, clip, update."""
    for parameter in model.parameters():
        parameter.grad = None
    loss().backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 1e-3 * parameter.grad


def clock(task, runs: int) -> list[float]:
    """Seconds of each of `runs` runs."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        task()
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return seconds


def best_threads(task) -> int:
    """The number of threads with which `task` takes the least time."""
    medians = {}
    for threads in range(1, len(os.sched_getaffinity(0)) + 1):
        torch.set_num_threads(threads)
        clock(task, 2)
        medians[threads] = sorted(clock(task, 7))[3]
    return min(medians, key=medians.get)


def main() -> None:
    tasks, threads = {}, {}
    for line in sys.stdin:
        request = json.loads(line)
        if "build" in request:
            wanted = request["build"]
            make = language_model_tasks if wanted.get("vocabulary") else layer_tasks
            tasks = make(**wanted)
            threads = {name: best_threads(task) for name, task in tasks.items()}
            answer = threads
        else:
            name = request["time"]
            torch.set_num_threads(threads[name])
            answer = clock(tasks[name], request["runs"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
