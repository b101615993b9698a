"""One of several processes that train a small language model: `RANK PORTS PLACE OPTIONS`.

It leaves its last checkpoint in PLACE/RANK, and goes on from the one in `start`, an option.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np


def options_of(given: dict) -> tuple[int, str, dict]:
    """How many steps are to be taken, the place of the checkpoint to begin from, the options."""
    given = dict(given)
    steps, start, tokens = given.pop("steps"), given.pop("start", ""), given.pop("tokens", 0)
    if tokens:
        given["train"] = np.random.default_rng(5).integers(9, size=tokens)
    return steps, start, given


def take_steps(trainer, steps: int) -> None:
    """Train up to this step, wherever in an epoch that is."""
    while trainer.progress.step < steps:
        for _ in trainer.train_epoch():
            if trainer.progress.step == steps:
                return


def main(rank: int, ports: list[str], place: str, given: dict) -> None:
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    task = {"type": "worker", "index": rank}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    from tfseq.runs.workers.workers import WorkerGroup, worker_strategy

    group = WorkerGroup(worker_strategy(), rank)
    sys.path.insert(0, str(Path(__file__).parents[2]))  # As pytest does.
    from runs.small_trainer import make_trainer
    from tfseq.files.checkpoint import load_latest_checkpoint, save_checkpoint

    steps, start, options = options_of(given)
    trainer = make_trainer(**options, workers=group)
    checkpoint = load_latest_checkpoint(start)[0] if start and rank == 0 else None
    if group.found(lambda: checkpoint is not None):
        trainer.restore(group.shared(checkpoint))
    take_steps(trainer, steps)
    save_checkpoint(Path(place, str(rank)), trainer.checkpoint())
    Path(place, f"kind{rank}").write_text(trainer.step_kind)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3], json.loads(sys.argv[4]))
