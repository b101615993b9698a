"""The contender of `training.py` that runs in PyTorch."""

import os
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from training_loops.child import CLIP_NORM, DROPOUT, LEARNING_RATE, Loop, serve, windows

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class OwnLSTM(nn.Module):
    """The cell of `own_cell.py` in a loop; the inputs' product is taken out of it."""

    def __init__(self, features: int, units: int, compiled: bool):
        super().__init__()
        self.inputs = nn.Linear(features, 4 * units)
        self.recurrent = nn.Linear(units, 4 * units, bias=False)
        if compiled:  # The whole loop, unrolled: 40 s for 35 steps, and faster than step by step.
            self.forward = torch.compile(self.forward)

    def forward(self, x, states):
        h, c = states
        outputs = []
        for projected in self.inputs(x).unbind(0):
            i, f, candidate, o = (projected + self.recurrent(h)).chunk(4, dim=-1)
            f = torch.sigmoid(f)
            c = f * c + (1 - f) * torch.sigmoid(i) * torch.tanh(candidate)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


class Model(nn.Module):
    """Ids `[T, B]`, or `[B, T]` if `batch_first`, to logits and states."""

    def __init__(self, loop: Loop, dropout: float, batch_first: bool, compiled: bool):
        super().__init__()
        self.embedding = nn.Embedding(loop.vocabulary, loop.embedding)
        self.dropout = nn.Dropout(dropout)
        if loop.cell == "own":
            self.layer = OwnLSTM(loop.embedding, loop.units, compiled)
        else:
            layer_type = LAYERS[loop.cell]
            self.layer = layer_type(loop.embedding, loop.units, batch_first=batch_first)
        self.output = nn.Linear(loop.units, loop.vocabulary)

    def forward(self, ids, states):
        outputs, states = self.layer(self.dropout(self.embedding(ids)), states)
        return self.output(self.dropout(outputs)), states


def load_weights(model: Model, cell: str, saved) -> None:
    """Gives `model` weights in the layout of Keras."""

    def gates_of_torch(array):
        gates = np.split(array, 3, axis=-1) if cell == "gru" else [array]
        order = (1, 0, 2) if cell == "gru" else (0,)
        return np.concatenate([gates[i] for i in order], axis=-1).T

    kernel, recurrent_kernel, bias = (
        gates_of_torch(saved[name]) for name in ("kernel", "recurrent_kernel", "bias")
    )
    biases = bias.T if cell == "gru" else (bias, 0 * bias)
    weights = {
        "embedding.weight": saved["embedding"],
        "output.weight": saved["output_kernel"].T,
        "output.bias": saved["output_bias"],
    }
    if cell == "own":
        names = ("inputs.weight", "recurrent.weight", "inputs.bias")
    else:
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    for name, value in zip(names, (kernel, recurrent_kernel, *biases), strict=False):
        weights[f"layer.{name}"] = value
    model.load_state_dict({n: torch.tensor(np.ascontiguousarray(v)) for n, v in weights.items()})


def build(
    loop: Loop, tuned: bool = False, dropout: float = DROPOUT, load: str | None = None
) -> Iterator[float]:
    """The losses of a training loop.

    Args:
        loop: what to train.
        tuned: with everything that may help: time first, a fused optimizer, no denormal numbers,
            the better number of threads, and the cell compiled if it is one of one's own.
        dropout: the rate.
        load: a file of initial weights and text, as `tensorflow_loop.py` has saved it.
    """
    torch.manual_seed(0)
    torch.set_flush_denormal(tuned)
    batch_first = not (tuned or loop.cell == "own")
    model = Model(loop, dropout, batch_first, compiled=tuned).to(DEVICE)
    saved = np.load(load) if load else None
    if load:
        load_weights(model, loop.cell, saved)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=tuned or None)
    criterion = nn.CrossEntropyLoss()

    def losses():
        zeros = torch.zeros(loop.batch, loop.units, device=DEVICE)
        zeros = zeros if loop.cell == "own" else zeros[None]
        zeros = (zeros, zeros) if loop.cell in ("lstm", "own") else zeros
        for begins, *both in windows(loop, saved and saved["rows"]):
            states = zeros if begins else states  # noqa: F821
            inputs, targets = (
                torch.from_numpy(np.ascontiguousarray(ids if batch_first else ids.T))
                .long()
                .to(DEVICE)
                for ids in both
            )
            optimizer.zero_grad()
            logits, states = model(inputs, states)
            loss = criterion(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
            states = tuple(s.detach() for s in states) if type(states) is tuple else states.detach()
            norm.item()
            yield loss.item()

    steps = losses()
    if tuned and not load:
        use_best_threads(steps)
    return steps


def use_best_threads(steps: Iterator[float]) -> None:
    """Sets the number of threads with which steps take the least time."""
    seconds = {}
    for threads in range(1, len(os.sched_getaffinity(0)) + 1):
        torch.set_num_threads(threads)
        next(steps)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            next(steps)
            times.append(time.perf_counter() - start)
        seconds[threads] = sorted(times)[2]
    torch.set_num_threads(min(seconds, key=seconds.get))


if __name__ == "__main__":
    serve(build)
