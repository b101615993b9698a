"""A classifier with and without the layers of a language model, by the number of its examples.

    python pipelines/train_language_model.py
    python benchmarks/fine_tuning.py runs/python_docs_lstm

The task is the built-in one: a letter's writing system from its name. The classifier starts from
random numbers, from the run named, and from that run after it has read the names of the training
split too, without their labels (the second step of ULMFiT, arXiv 1801.06146). All have the run's
shape; the classifier's own default stands beside them. A seed draws the splits, the examples, the
weights and all else; figures are of the test split, means over the seeds.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tfseq
from tfseq.data.labelled.letter_names import letter_names
from tfseq.tasks.labelled.examples import numbered_splits

FINE = {"unfreeze_epochs": 1, "layer_rate_factor": 2.6}


def starts(run: str, adapted: str, shape: dict) -> dict[str, dict]:
    return {
        "the default": {},
        "random numbers": shape,
        "the run": {"init_from": run},
        "the run, layer by layer": {"init_from": run, **FINE},
        "the run after the names": {"init_from": adapted},
        "the run after the names, layer by layer": {"init_from": adapted, **FINE},
    }


def quiet(line: str) -> None:
    """A log that says nothing."""


def adapt(run: str, place: Path, seed: int, epochs: int) -> str:
    """The run after it has read the training split's names, a line each."""
    texts = letter_names().texts
    numbers = numbered_splits(len(texts), tfseq.TextClassificationOptions(seed=seed))["train"]
    names = place / f"names{seed}.txt"
    names.write_text("\n".join(texts[i] for i in numbers) + "\n", encoding="utf-8")
    options = tfseq.LanguageModelOptions(
        corpus=str(names), init_from=run, epochs=epochs, seed=seed, sampling="random",
        run_dir=str(place / f"adapted{seed}"), export=False, baseline=False, sample_epochs=0,
        verbose="quiet", learning_rate=0.002,
    )  # fmt: skip
    print(f"names, seed {seed}: {tfseq.train(options, log=quiet).metrics['validation_perplexity']}")
    return options.run_dir


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="a language model of characters")
    parser.add_argument("--examples", type=int, nargs="+", default=[100, 1000, 4798])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=8, help="of the names")
    options = parser.parse_args()
    source = tfseq.load(options.run).options
    shape = {n: getattr(source, n) for n in ("cell", "units", "num_layers", "embedding_size")}
    results: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for seed in options.seeds:
            adapted = adapt(options.run, place, seed, options.epochs)
            for number in options.examples:
                for start, more in starts(options.run, adapted, shape).items():
                    begin = time.perf_counter()
                    run = tfseq.TextClassificationOptions(
                        max_train_examples=number, seed=seed, export=False, verbose="quiet",
                        run_dir=str(place / f"{start} {number} {seed}"), patience=5,
                        epochs=max(20, 20_000 // number), **more,
                    )  # fmt: skip
                    figures = tfseq.train(run, log=quiet).metrics
                    found = figures["test_accuracy"], figures["test_macro_f1"]
                    results.setdefault((start, number), []).append(found)
                    print(
                        f"seed {seed}  {number:5,}  {start:40} accuracy {found[0]:.3f}  "
                        f"macro F1 {found[1]:.3f}  {figures['epochs']} epochs  "
                        f"{time.perf_counter() - begin:.0f} s",
                        flush=True,
                    )
    print("| start | " + " | ".join(f"{n:,} examples" for n in options.examples) + " |")
    print("|---" * (1 + len(options.examples)) + "|")
    for start in starts("", "", {}):
        cells = []
        for number in options.examples:
            accuracies, scores = zip(*results[start, number], strict=True)
            spread = f"{min(accuracies):.3f} to {max(accuracies):.3f}"
            mean = statistics.mean(accuracies), statistics.mean(scores)
            cells.append(f"{mean[0]:.3f} ({spread}), F1 {mean[1]:.3f}")
        print(f"| {start} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
