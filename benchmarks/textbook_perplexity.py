"""The textbook's character language models, trained again: perplexity by cell and sampling.

The setting is that of Dive into Deep Learning, chapter "Recurrent Neural Networks": the first
10,000 characters of The Time Machine, letters only, windows of 35, batches of 32, one layer of
256 units, SGD with learning rate 1, gradients clipped to norm 1, 500 epochs, no validation. The
figure is the mean training perplexity over the last 10 epochs.

python benchmarks/textbook_perplexity.py --seeds 0 1 2
"""

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "pipelines" / "train_language_model.py"
OPTIONS = (
    "--corpus time_machine --normalization letters --validation-fraction 0 --max-tokens 10000 "
    "--batch-size 32 --num-steps 35 --units 256 --optimizer sgd --learning-rate 1 --clip-norm 1"
)
CELLS = ("rnn", "gru", "lstm")
SAMPLINGS = ("sequential", "random")
LAST_EPOCHS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=500)
    arguments = parser.parse_args()

    heads = " | ".join(f"seed {seed}" for seed in arguments.seeds)
    print(f"| sampling | cell | {heads} | median | seconds a run |")
    print("|---|---|" + "---:|" * (len(arguments.seeds) + 2))
    for sampling in SAMPLINGS:
        for cell in CELLS:
            runs = [train(cell, sampling, seed, arguments.epochs) for seed in arguments.seeds]
            figures = [perplexity for perplexity, _ in runs]
            columns = [
                sampling,
                cell,
                *(f"{perplexity:.3f}" for perplexity in figures),
                f"{statistics.median(figures):.3f}",
                f"{statistics.median(seconds for _, seconds in runs):.0f}",
            ]
            print(f"| {' | '.join(columns)} |", flush=True)


def train(cell: str, sampling: str, seed: int, epochs: int) -> tuple[float, float]:
    """Mean training perplexity over the last epochs, and the seconds of training."""
    with tempfile.TemporaryDirectory() as directory:
        run_dir = Path(directory, "run")
        words = f"{OPTIONS} --cell {cell} --sampling {sampling} --seed {seed} --epochs {epochs}"
        quiet = ["--no-export", "--sample-epochs=0", "--verbose=quiet", f"--run-dir={run_dir}"]
        subprocess.run(
            [sys.executable, str(SCRIPT), *words.split(), *quiet],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with open(run_dir / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    last = [float(row["train_perplexity"]) for row in rows[-LAST_EPOCHS:]]
    return statistics.mean(last), sum(float(row["seconds"]) for row in rows)


if __name__ == "__main__":
    main()
