"""A process that trains alone or with others, as it is told.

It is run as `python training_worker.py THREADS`, with TF_CONFIG where there are others. It reads
one JSON request a line and answers with one: `build` makes a trainer of a loop of `training.py`,
`train` makes so many steps, and `sum` adds up so many numbers over the processes, several times.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Training:
    """Answers requests.

    Args:
        threads: those of this process.
    """

    def __init__(self, threads: int):
        import tfseq

        tfseq.keep_freed_memory()
        import tensorflow as tf

        from tfseq.runs.workers.workers import ALONE, WorkerGroup, worker_strategy

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        self._workers = ALONE
        if cluster := os.environ.get("TF_CONFIG"):
            rank = json.loads(cluster)["task"]["index"]
            self._workers = WorkerGroup(worker_strategy(), rank)

    def build(self, loop: str) -> int:
        """Make a trainer; the number of its parameters."""
        import keras
        from training_loops.child import CLIP_NORM, DROPOUT, LEARNING_RATE, Loop, text

        from tfseq.runs.trainer import Trainer
        from tfseq.tasks.language_model.model_building import build_model
        from tfseq.tasks.language_model.options import LanguageModelOptions
        from tfseq.tasks.language_model.training import language_model_objective, schedule_steps

        loop = Loop.parse(loop)
        keras.utils.set_random_seed(0)
        ids = text(loop)
        values = {
            "cell": loop.cell,
            "batch_size": loop.batch,
            "num_steps": loop.steps,
            "units": loop.units,
            "embedding_size": loop.embedding,
            "dropout": DROPOUT,
            "learning_rate": LEARNING_RATE,
            "clip_norm": CLIP_NORM,
            "epochs": 10**6,
            "patience": 0,
        }
        options = LanguageModelOptions(**LanguageModelOptions.completed(values))
        options = options.with_defaults_filled()
        model = build_model(options, loop.vocabulary)
        objective = language_model_objective(model, options, ids, ids[:0])
        trainer = Trainer(objective, options, schedule_steps(options, len(ids)), self._workers)

        def losses():
            while True:
                for metrics in trainer.train_epoch():
                    yield metrics["loss"]

        self._losses = losses()
        return sum(int(variable.shape.num_elements()) for variable in model.trainable_variables)

    def train(self, steps: int) -> float:
        """Seconds of a step, the mean of so many."""
        start = time.perf_counter()
        for _ in range(steps):
            float(next(self._losses))
        return (time.perf_counter() - start) / steps

    def sum(self, numbers: int, times: int) -> list[float]:
        """Seconds of sums over the processes."""
        import tensorflow as tf

        add = tf.function(self._workers.sum, autograph=False)
        values, seconds = tf.ones([numbers]), []
        for _ in range(times + 1):
            start = time.perf_counter()
            add(values).numpy()
            seconds.append(time.perf_counter() - start)
        return seconds[1:]


def main(threads: int) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What a library prints is no answer.
    training = Training(threads)
    for line in sys.stdin:
        ((name, arguments),) = json.loads(line).items()
        answer: Any = getattr(training, name)(*arguments)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(int(sys.argv[1]))
