"""Peak memory and speed of counting, encoding and windowing a large text.

Each text is worked on in a process of its own, whose peak resident memory the system reports.
Between the sizes it should hardly differ: that is what is printed last.

    python benchmarks/corpus_memory.py --help
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LINES = "lines"
ONE_LINE = "one line"


def make_tokenizer(kind: str):
    """Return the tokenizer of a kind."""
    import tfseq.text

    return tfseq.text.make_tokenizer({"kind": kind, "normalization": "none", "case_fold": False})


def write_text(path: Path, megabytes: int, form: str) -> None:
    """Write the language reference over and over until the file has its size."""
    from tfseq.text import open_corpus

    text = "".join(open_corpus("python_docs").chunks(make_tokenizer("char")))
    if form == ONE_LINE:
        text = text.replace("\n", " ")
    content = text.encode()
    left = megabytes * 1_000_000
    with path.open("wb") as file:
        while left > 0:
            left -= file.write(content[:left])


def measure(path: Path, tokenizer: str, cache_dir: str) -> dict[str, float]:
    """Count, encode and cut a text into windows; return MB/s of each and the peak in MB."""
    import resource

    from tfseq.data import encode_corpus, random_windows, sequential_windows
    from tfseq.text import count_tokens, open_corpus

    megabytes = path.stat().st_size / 1e6
    result = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        result[name] = megabytes / (time.perf_counter() - start)
        result[f"peak after {name}"] = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        )

    corpus = open_corpus(str(path))
    splitter = make_tokenizer(tokenizer)
    with stage("counting"):
        count_tokens(corpus.chunks(splitter), splitter)
    with stage("encoding"):
        encoded = encode_corpus(corpus, splitter, max_size=20_000, cache_dir=cache_dir)
    for windows in (random_windows, sequential_windows):
        with stage(windows.__name__):
            dataset = windows(encoded.train, batch_size=32, num_steps=35)
            dataset.reduce(0, lambda number, _: number + 1)
    return result


def measure_in_child(path: Path, tokenizer: str, cache_dir: str) -> dict[str, float]:
    """Run `measure` in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(path)]
    command += ["--tokenizer", tokenizer, "--cache-dir", cache_dir]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokenizer", choices=["char", "word"], default="char")
    parser.add_argument("--small", type=int, default=20, help="MB of the small text")
    parser.add_argument("--large", type=int, default=200, help="MB of the large texts")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cache-dir", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.tokenizer, arguments.cache_dir)))
        return

    texts = [(arguments.small, LINES), (arguments.large, LINES), (arguments.large, ONE_LINE)]
    peaks = []
    for megabytes, form in texts:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "text.txt")
            write_text(path, megabytes, form)
            result = measure_in_child(path, arguments.tokenizer, directory)
        peaks.append(max(value for name, value in result.items() if name.startswith("peak")))
        print(f"{megabytes} MB, {form}")
        for name in ("counting", "encoding", "random_windows", "sequential_windows"):
            peak = result[f"peak after {name}"]
            print(f"  {name:20} {result[name]:8.1f} MB/s   peak so far {peak:6.0f} MB")
    for (megabytes, form), peak in zip(texts[1:], peaks[1:], strict=True):
        more = peak - peaks[0]
        print(f"{megabytes} MB ({form}) takes {more:+.0f} MB beside {texts[0][0]} MB")


if __name__ == "__main__":
    main()
