"""Training with freed memory given back to the kernel, as glibc does, and kept, in turns.

    python benchmarks/page_faults.py
    python benchmarks/page_faults.py --rounds 3 --cases default

Each run has a process of its own. `default` is the first two epochs of the default training run;
`wide` is an LSTM of 512 units on 64 × 64 tokens; `long` reads 2,048 tokens in a step; `corpus`
counts, encodes and cuts a text of 100 MB. For each are printed tokens a second, page faults for
each token, the kernel's share of the time, and the peak of resident memory; at the end, what
keeping makes of speed and peak. Faults are counted from the first step on: those of loading
TensorFlow are not among them.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("given back", "kept")
CASES = {
    "default": ["--epochs", "2"],
    "wide": "--epochs 1 --cell lstm --units 512 --batch-size 64 --num-steps 64".split(),
    "long": "--epochs 1 --batch-size 16 --num-steps 2048 --max-tokens 200000".split(),
    "corpus": [],
}
CORPUS_MEGABYTES = 100
FIGURES = {
    "tokens_per_second": "tokens/s",
    "faults_per_token": "faults/token",
    "system_seconds": "system s",
    "user_seconds": "user s",
    "peak": "peak MB",
}


def measure(case: str, directory: Path) -> dict[str, float]:
    """Do one case in this process."""
    if case == "corpus":
        from corpus_memory import LINES, measure, write_text

        path = directory / "text.txt"
        write_text(path, CORPUS_MEGABYTES, LINES)
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        measure(path, "char", str(directory))
        num_tokens = path.stat().st_size
    else:
        from tfseq.options.run_options import parse_run_options
        from tfseq.tasks.language_model.options import LanguageModelOptions
        from tfseq.tasks.language_model.training import prepare

        given = ["--no-export", "--sample-epochs=0", "--run-dir", str(directory / "run")]
        options = parse_run_options(LanguageModelOptions, [*given, *CASES[case]])
        training = prepare(options, log=lambda line: None)
        run = training.run
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        run.fit(training.evaluate)
        num_tokens = run.new_steps * run.options.batch_size * run.options.num_steps
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "tokens_per_second": num_tokens / seconds,
        "faults_per_token": (after.ru_minflt - before.ru_minflt) / num_tokens,
        "system_seconds": after.ru_stime - before.ru_stime,
        "user_seconds": after.ru_utime - before.ru_utime,
        "peak": after.ru_maxrss * 1024 / 1e6,
    }


def measure_in_child(case: str, way: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, __file__, "--measure", case, way, directory]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def measure_here(case: str, way: str, directory: str) -> None:
    from tfseq.options.command_line import import_tensorflow
    from tfseq.options.freed_memory import keep_freed_memory

    if way == "kept" and not keep_freed_memory():
        raise SystemExit("malloc is not glibc's, or has been configured from outside.")
    import_tensorflow()
    print(json.dumps(measure(case, Path(directory))))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure_here(*arguments.measure)
        return
    print(f"{'':22}" + "".join(f"{title:>14}" for title in FIGURES.values()))
    for case in arguments.cases:
        results = {way: [] for way in WAYS}
        for _ in range(arguments.rounds):
            for way in WAYS:
                result = measure_in_child(case, way)
                results[way].append(result)
                figures = "".join(f"{result[name]:14,.2f}" for name in FIGURES)
                print(f"{case:10}{way:12}{figures}", flush=True)
        given_back, kept = results.values()
        for name in ("tokens_per_second", "peak"):
            ratios = [k[name] / g[name] for g, k in zip(given_back, kept, strict=True)]
            print(
                f"{case}: {FIGURES[name]} kept / given back {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f})"
            )


if __name__ == "__main__":
    main()
