"""What the contenders of `training.py` share: the loop, its text, and how they answer.

A contender is a process that reads one JSON request a line and answers with one. `{"build": {...}}`
makes a training loop; `{"train": n}` answers with what n of its steps took.
"""

import dataclasses
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

NUM_TOKENS = 400_000
LEARNING_RATE, CLIP_NORM, DROPOUT = 0.004, 1.0, 0.15
GATES = {"rnn": 1, "gru": 3, "lstm": 4, "own": 4}


@dataclasses.dataclass(frozen=True)
class Loop:
    """What is trained: `cell:batch×steps×units:embedding:vocabulary`."""

    cell: str
    batch: int
    steps: int
    units: int
    embedding: int
    vocabulary: int

    @classmethod
    def parse(cls, text: str) -> "Loop":
        cell, size, embedding, vocabulary = text.split(":")
        if cell not in GATES:
            raise ValueError(f"The cell must be one of {', '.join(GATES)}. Received: {text!r}.")
        return cls(cell, *map(int, size.split("x")), int(embedding), int(vocabulary))

    def __str__(self):
        return (
            f"{self.cell.upper()} {self.batch}×{self.steps}×{self.units}, "
            f"{self.embedding}, {self.vocabulary:,}"
        )

    @property
    def tokens(self) -> int:
        """Tokens in a step of training."""
        return self.batch * self.steps

    @property
    def operations(self) -> int:
        """Multiplications and additions of a step of training: three products for each weight."""
        weights = GATES[self.cell] * (self.embedding + self.units) + self.vocabulary
        return 3 * 2 * self.tokens * self.units * weights


def text(loop: Loop) -> np.ndarray:
    """Token ids to learn: words of five symbols, words and symbols by Zipf's law."""
    rng = np.random.default_rng(0)

    def draw(number, shape):
        weights = 1 / np.arange(1, number + 1)
        return rng.choice(number, size=shape, p=weights / weights.sum())

    words = 1 + draw(loop.vocabulary - 1, (2000, 5))
    length = max(NUM_TOKENS, loop.batch * (4 * loop.steps + 1))
    return words[draw(len(words), length // 5)].reshape(-1).astype("int32")


def windows(loop: Loop, rows: np.ndarray | None = None) -> Iterator[tuple]:
    """Endless `(whether an epoch begins, inputs [B, T], targets [B, T])`, each row going on."""
    if rows is None:
        ids = text(loop)
        rows = ids[: len(ids) // loop.batch * loop.batch].reshape(loop.batch, -1)
    while True:
        for start in range(0, rows.shape[1] - loop.steps, loop.steps):
            both = rows[:, start : start + loop.steps + 1]
            yield start == 0, both[:, :-1], both[:, 1:]


def serve(build: Callable[..., Iterator[float]]) -> None:
    """Answer requests until there are no more.

    Args:
        build: makes of a `Loop` and settings an endless iterator of losses, a step of training
            behind each.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What a library prints is no answer.
    losses = None
    for line in sys.stdin:
        request = json.loads(line)
        if "build" in request:
            losses = build(Loop(**request["loop"]), **request["build"])
            answer = {"pid": os.getpid()}
        else:
            answer = train(losses, request["train"])
        print(json.dumps(answer), file=answers, flush=True)


def train(losses: Iterator[float], steps: int) -> dict[str, Any]:
    """What `steps` steps take."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    values = [float(next(losses)) for _ in range(steps)]
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "losses": values,
        "seconds": seconds,
        "faults": after.ru_minflt - before.ru_minflt,
        "user": after.ru_utime - before.ru_utime,
        "system": after.ru_stime - before.ru_stime,
        "peak_before": before.ru_maxrss / 1024,
        "peak": after.ru_maxrss / 1024,
    }
