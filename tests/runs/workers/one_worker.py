"""One of several processes that train a small language model: `one_worker.py RANK PORTS PLACE ...`.

Writes its last checkpoint to PLACE/RANK.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # As pytest does.

rank, ports = int(sys.argv[1]), sys.argv[2].split(",")
cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
os.environ["TF_CONFIG"] = json.dumps(
    {"cluster": cluster, "task": {"type": "worker", "index": rank}}
)

from tfseq.runs.workers.workers import WorkerGroup, worker_strategy  # noqa: E402

strategy = worker_strategy()

import numpy as np
from runs.small_trainer import make_trainer  # noqa: E402
from tfseq.files.checkpoint import save_checkpoint  # noqa: E402

options = json.loads(sys.argv[4])
steps = options.pop("steps")
tokens = options.pop("tokens", 0)
if tokens:
    options["train"] = np.random.default_rng(5).integers(9, size=tokens)
trainer = make_trainer(**options, workers=WorkerGroup(strategy, rank))
while trainer.progress.step < steps:
    for _ in trainer.train_epoch():
        if trainer.progress.step == steps:
            break
print(trainer.step_kind)
save_checkpoint(Path(sys.argv[3], str(rank)), trainer.checkpoint())
