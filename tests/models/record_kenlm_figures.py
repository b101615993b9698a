"""Record what KenLM makes of the texts in `kenlm_texts.py`.

    cd tests && python -m models.record_kenlm_figures BIN

BIN is the directory with KenLM's `lmplz` and `query`. They are built from the sources in the
package `kenlm` 0.3.0 of PyPI: `cmake -B build && cmake --build build --target lmplz query`, with
Boost. The tests read what is recorded; they do not need KenLM.

A text is one line. KenLM ends it with `</s>`, which is a token for us too. Counts of counts that
are zero make KenLM stop, but with `--discount_fallback` it takes 0.5, 1 and 1.5.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from models.kenlm_texts import TEXTS

FIGURES = Path(__file__).with_name("kenlm_figures.json")
ORDERS = (2, 3, 5)


def as_line(ids: np.ndarray) -> str:
    return " ".join("<unk>" if i == 0 else f"w{i}" for i in ids.tolist()) + "\n"


def record(bin_dir: Path, train: np.ndarray, validation: np.ndarray, order: int) -> dict:
    """KenLM's log10 probability of the validation text, and of each of its first 40 tokens."""
    with tempfile.TemporaryDirectory() as directory:
        (text := Path(directory, "text.txt")).write_text(as_line(train))
        arpa = Path(directory, "model.arpa")
        options = ["-o", str(order), "--discount_fallback", "-S", "500M", "-T", directory]
        done = subprocess.run(
            [bin_dir / "lmplz", *options, "--text", text, "--arpa", arpa],
            check=True,
            capture_output=True,
            text=True,
        )
        fallback = [
            int(line.split("order ")[1].split(":")[0]) + 1
            for line in done.stderr.splitlines()
            if "fallback discounts" in line
        ]
        done = subprocess.run(
            [bin_dir / "query", "-n", "-v", "word", arpa],
            input=as_line(validation),
            check=True,
            capture_output=True,
            text=True,
        )
    # A field a token: the token, its id, the length of the n-gram that was found, log10 p.
    logs = [float(field.split()[-1]) for field in done.stdout.strip().split("\t")]
    assert len(logs) == len(validation)
    return {
        "order": order,
        "num_tokens": len(logs),
        "log10_sum": round(float(np.sum(logs)), 5),
        "perplexity": 10 ** -(float(np.sum(logs)) / len(logs)),
        "first_log10": logs[:40],
        "fallback_lengths": fallback,
    }


def main() -> None:
    figures = {}
    for name, read in TEXTS.items():
        text = read()
        if text is None:
            raise SystemExit(f"{name} is not in the cache")
        train, validation, _ = text
        figures[name] = [record(Path(sys.argv[1]), train, validation, n) for n in ORDERS]
        for row in figures[name]:
            print(name, row["order"], row["perplexity"], row["fallback_lengths"])
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
