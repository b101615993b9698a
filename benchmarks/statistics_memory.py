"""Peak memory and speed of counting the n-grams of a large text.

Each text is counted in a process of its own, whose peak resident memory the system reports.
Between the sizes it should hardly differ. A text of drawn words has new pairs and triples to its
end, so that most of them go to disk; the language reference over and over has none after a while.

    python benchmarks/statistics_memory.py --help
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DRAWN, REPEATED = "drawn words", "the reference over and over"


def write_drawn_words(path: Path, megabytes: int) -> None:
    """Write words of six letters, the r-th most frequent with a probability of about 1 / r."""
    chance = np.random.default_rng(0)
    letters = np.arange(ord("a"), ord("z") + 1, dtype=np.uint8)
    with path.open("wb") as file:
        left = megabytes * 1_000_000
        while left > 0:
            ranks = (200_000 ** chance.random(100_000)).astype(np.int64)
            words = np.full([len(ranks), 7], ord(" "), np.uint8)
            for place in range(6):
                words[:, place] = letters[ranks % 26]
                ranks //= 26
            left -= file.write(words.tobytes()[:left])


def write_reference(path: Path, megabytes: int) -> None:
    """Write the language reference over and over until the file has its size."""
    from tfseq.text import CharTokenizer, open_corpus

    content = "".join(open_corpus("python_docs").chunks(CharTokenizer())).encode()
    with path.open("wb") as file:
        left = megabytes * 1_000_000
        while left > 0:
            left -= file.write(content[:left])


def measure(path: Path, tokenizer: str, max_order: int) -> dict[str, float]:
    """Count a text; return seconds, the peak in MB, and how many triples differ."""
    import resource

    from tfseq.analysis import corpus_statistics
    from tfseq.text import make_tokenizer, open_corpus

    splitter = make_tokenizer({"kind": tokenizer})
    start = time.perf_counter()
    texts = open_corpus(str(path)).chunks(splitter)
    statistics = corpus_statistics(texts, splitter, max_order=max_order)
    return {
        "seconds": time.perf_counter() - start,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "tokens": statistics.num_tokens,
        "distinct": statistics.ngrams[-1].distinct,
    }


def measure_in_child(path: Path, tokenizer: str, max_order: int) -> dict[str, float]:
    """Run `measure` in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(path), "--tokenizer", tokenizer]
    command += ["--max-order", str(max_order)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokenizer", choices=["char", "word"], default="word")
    parser.add_argument("--max-order", type=int, default=3, help="the longest n-grams")
    parser.add_argument("--small", type=int, default=20, help="MB of the small text")
    parser.add_argument("--large", type=int, default=200, help="MB of the large text")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.tokenizer, arguments.max_order)))
        return

    for form, write in ((REPEATED, write_reference), (DRAWN, write_drawn_words)):
        peaks = []
        for megabytes in (arguments.small, arguments.large):
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory, "text.txt")
                write(path, megabytes)
                result = measure_in_child(path, arguments.tokenizer, arguments.max_order)
            peaks.append(result["peak"])
            print(
                f"{megabytes:4} MB, {form}: {megabytes / result['seconds']:.1f} MB/s, peak "
                f"{result['peak']:.0f} MB, {result['tokens']:,} {arguments.tokenizer}s, "
                f"{result['distinct']:,} different {arguments.max_order}-grams"
            )
        print(f"     {arguments.large} MB takes {peaks[1] - peaks[0]:+.0f} MB\n")


if __name__ == "__main__":
    main()
