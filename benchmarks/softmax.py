"""Training with many words: full, sampled and adaptive softmax, in tokens/s, memory and loss.

    python benchmarks/softmax.py
    python benchmarks/softmax.py --words 10000 --turns 4 --seconds 30 --set tie_embeddings=true

The text is that of `word_corpus.py`: prose that is installed with tfseq, or `--corpus`, words
between spaces. Ids follow falling frequency. A contender is a process that trains what a run
trains; all take turns, and each has the same time. After a turn it is measured on text it has not
seen, by the full softmax, which takes none of its time.

`step MB` is the most memory that the process has in a step beyond what it had before the first one;
it is read where Linux can reset the peak of a process. `operations` are the multiplications and
additions of a step's products, gradients included, as they are counted and not as they are timed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from settings import setting

KINDS = ("full", "sampled", "adaptive")
VALIDATION_TOKENS = 20_000


def words_of(corpus: Path | None) -> tuple[list[str], list[str]]:
    """The words to train on, and those to measure with."""
    if corpus:
        words = corpus.read_text(encoding="utf-8").split()
        cut = max(len(words) - VALIDATION_TOKENS, len(words) * 9 // 10)
        return words[:cut], words[cut:]
    from word_corpus import splits

    found = splits()
    train, valid = ([w for line in found[s] for w in line] for s in ("train", "valid"))
    return train, valid[:VALIDATION_TOKENS]


def as_ids(train: list[str], valid: list[str], size: int) -> list[np.ndarray]:
    counts = Counter(train)
    ordered = sorted(counts, key=lambda w: (-counts[w], w))[: size - 1]
    places = {word: i for i, word in enumerate(ordered, 1)}
    return [np.array([places.get(w, 0) for w in part], "uint16") for part in (train, valid)]


def operations(options: argparse.Namespace, kind: str, shares: list[float]) -> float:
    """Multiplications and additions of a step's products: three for each weight of a row."""
    units, words, rows = options.units, options.words, options.batch * options.steps
    recurrent = 2 * 3 * units * units  # A GRU's, and its embedding is as wide as its state.
    if kind == "full":
        output = units * words
    elif kind == "sampled":
        output = units * (options.sampled + 1)
    else:
        first, second = words // 25, words // 5
        output = units * (first + 2 + units // 4 + units // 16)
        output += shares[0] * units // 4 * (second - first)
        output += shares[1] * units // 16 * (words - second)
    return 3 * 2 * rows * (recurrent + output)


def serve(options: argparse.Namespace, ids: Path) -> None:
    """What a contender does: build, then train for so many seconds a request."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What a library prints is no answer.
    import tfseq

    tfseq.keep_freed_memory()
    import keras

    from tfseq.runs.trainer import Trainer
    from tfseq.tasks.language_model.evaluation import Evaluator
    from tfseq.tasks.language_model.model_building import build_model
    from tfseq.tasks.language_model.objective import language_model_objective
    from tfseq.tasks.language_model.options import LanguageModelOptions

    keras.utils.set_random_seed(0)
    with np.load(ids) as arrays:
        train, valid = arrays["train"], arrays["valid"]
    values = {
        "tokenizer": "word",
        "preset": "small",
        "cell": "gru",
        "units": options.units,
        "embedding_size": options.units,
        "tie_embeddings": False,
        "dropout": 0.15,
        "weight_dropout": 0.0,
        "embedding_dropout": 0.0,
        "averaging": "none",
        "schedule": "constant",
        "warmup": 0.0,
        "learning_rate": 0.002,
        "epochs": 10**6,
        "patience": 0,
        "batch_size": options.batch,
        "num_steps": options.steps,
        "softmax": options.child,
        "num_sampled": options.sampled,
        **options.set,
    }
    if options.child == "adaptive":
        values["tie_embeddings"] = False
    run = LanguageModelOptions(**values).with_defaults_filled()
    model = build_model(run, options.words)
    trainer = Trainer(language_model_objective(model, run, train, valid[:0]), run, 1000)
    evaluator = Evaluator(model)

    def steps():
        while True:
            yield from trainer.train_epoch()

    endless, seen = steps(), 0
    before = _status("VmRSS")
    can_reset = _reset_peak()
    for _ in range(3):
        next(endless)
    memory = _status("VmHWM") - before if can_reset else None
    for line in sys.stdin:
        begin, number = time.perf_counter(), 0
        while time.perf_counter() - begin < json.loads(line):
            next(endless)
            number += 1
        seconds = time.perf_counter() - begin
        seen += number * run.batch_size * run.num_steps
        answer = {
            "tokens_per_second": number * run.batch_size * run.num_steps / seconds,
            "tokens": seen,
            "perplexity": evaluator(valid).perplexity,
            "memory": memory,
            "peak": _status("VmHWM"),
            "kind": trainer.step_kind,
        }
        print(json.dumps(answer), file=answers, flush=True)


def _status(name: str) -> float:
    """A figure of /proc/self/status, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _reset_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def start(kind: str, ids: Path, arguments: list[str]) -> subprocess.Popen:
    here = Path(__file__).resolve()
    return subprocess.Popen(
        [sys.executable, here, *arguments, "--child", kind, "--ids", ids],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(here.parents[1]), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def compare(options: argparse.Namespace, ids: Path) -> None:
    train, valid = as_ids(*words_of(options.corpus), options.words)
    np.savez(ids, train=train, valid=valid)
    shares = [np.mean(train >= options.words // 25), np.mean(train >= options.words // 5)]
    shares[0] -= shares[1]
    print(
        f"{len(train):,} words to train on, {len(valid):,} to measure; {options.words:,} symbols, "
        f"of which {len(np.unique(train)):,} occur; load {os.getloadavg()[0]:.2f}"
    )
    children = {kind: start(kind, ids, sys.argv[1:]) for kind in options.kinds}
    answers: dict[str, list[dict[str, Any]]] = {kind: [] for kind in options.kinds}
    for turn in range(options.turns):
        for kind in options.kinds[turn % 3 :] + options.kinds[: turn % 3]:
            print(json.dumps(options.seconds), file=children[kind].stdin, flush=True)
            answer = json.loads(children[kind].stdout.readline())
            answers[kind].append(answer)
            print(
                f"  {options.seconds * (turn + 1):6.0f} s  {kind:9} {answer['tokens']:11,} tokens  "
                f"perplexity {answer['perplexity']:8.2f}",
                flush=True,
            )
    for child in children.values():
        child.stdin.close()
        child.wait()
    titles = "| softmax | tokens/s | step MB | process MB | operations | perplexity | step |"
    print(f"{titles}\n|---|---:|---:|---:|---:|---:|---|")
    for kind, of_kind in answers.items():
        last = of_kind[-1]
        speed = np.median([a["tokens_per_second"] for a in of_kind])
        memory = "?" if last["memory"] is None else f"{last['memory']:,.0f}"
        print(
            f"| {kind} | {speed:,.0f} | {memory} | {last['peak']:,.0f} | "
            f"{operations(options, kind, shares) / 1e9:.1f} G | {last['perplexity']:.1f} | "
            f"{last['kind']} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, help="a text of words between spaces")
    parser.add_argument("--words", type=int, default=50_000)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=35)
    parser.add_argument("--sampled", type=int, default=2048)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=20.0, help="of training in a turn")
    parser.add_argument(
        "--set", nargs="+", type=setting, default=[], metavar="OPTION=VALUE",
        help="more options of the run",
    )  # fmt: skip
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--ids", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.set = dict(options.set)
    if options.child:
        serve(options, options.ids)
        return
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        compare(options, Path(directory) / "ids.npz")


if __name__ == "__main__":
    main()
