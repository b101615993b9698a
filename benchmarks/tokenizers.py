"""Characters, subwords and words beside each other: bits per byte of one text.

    python benchmarks/word_corpus.py prose --prose
    python benchmarks/tokenizers.py prose
    python benchmarks/tokenizers.py prose --minutes 1 --only char subword-8000

Models of about as many parameters have the same time of training, one after another; how many
steps fit in is measured first, so that each learning rate runs its whole cosine. All read the test
split whole, and what they spend is divided by its bytes. Nothing is left out: a word that is
`<unk>` costs its spelling too, by a model of characters that counted the rare words of the training
split, and a character that is `<unk>` costs log2 of the number of code points. N-grams of the same
tokens, with modified Kneser-Ney smoothing, stand beside each.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

SHARED = {
    "preset": "small",
    "cell": "lstm",
    "schedule": "cosine",
    "warmup": 0.03,
    "averaging": "ema",
    "learning_rate": 0.006,
    "weight_dropout": 0.0,
    "embedding_dropout": 0.0,
    "input_dropout": 0.05,
    "dropout": 0.1,
    "dropout_mask": "step",
    "batch_size": 32,
    "num_steps": 35,
    "tie_embeddings": False,
    "patience": 0,
    "epochs": 1,
}
#: What differs: the widths, so that each has about two million parameters.
CONTENDERS: dict[str, dict[str, Any]] = {
    "char": {"tokenizer": "char", "units": 640, "embedding_size": 64, "num_steps": 64},
    "subword-1000": {
        "tokenizer": "subword", "vocabulary_size": 1000, "units": 512, "embedding_size": 128,
    },
    "subword-8000": {
        "tokenizer": "subword", "vocabulary_size": 8000, "units": 384, "embedding_size": 64,
        "softmax": "adaptive",
    },
    "subword-32000": {
        "tokenizer": "subword", "vocabulary_size": 32000, "units": 256, "embedding_size": 20,
        "softmax": "adaptive",
    },
    "word": {
        "tokenizer": "whitespace", "line_ends": True, "max_vocabulary": 32000, "units": 256,
        "embedding_size": 20, "softmax": "adaptive",
    },
}  # fmt: skip
ORDERS = {"char": 9, "subword-1000": 6}
CALIBRATION_SECONDS = 15.0
CODE_POINTS = 0x110000


def prepared(corpus: Path, name: str, place: str):
    """A model that has learned nothing, and its texts."""
    import keras

    from tfseq.tasks.language_model.options import LanguageModelOptions
    from tfseq.tasks.language_model.training import prepare

    keras.utils.set_random_seed(0)
    options = LanguageModelOptions(
        corpus=str(corpus), run_dir=place, export=False, baseline=False, sample_epochs=0,
        verbose="quiet", **{**SHARED, **CONTENDERS[name]},
    )  # fmt: skip
    return prepare(options, log=lambda line: None)


def train(training, seconds: float, steps_per_epoch: int) -> int:
    """Train for so long, and for one schedule of so many steps at most; the steps made."""
    from tfseq.runs.trainer import Trainer

    run = training.run
    trainer = Trainer(run.trainer.objective, run.options, steps_per_epoch)
    steps, begin = 0, None
    while True:
        for _ in trainer.train_epoch():
            steps += 1
            if begin is None:  # The first step compiles.
                steps, begin = 0, time.perf_counter()
            if time.perf_counter() - begin >= seconds or steps >= steps_per_epoch:
                with trainer.averaged():
                    best = run.model.get_weights()
                run.model.set_weights(best)
                return steps


def spelling_bits(unknown: list[str], known: set[str], train_text: str) -> float:
    """What words cost beyond `<unk>`: their characters and an end, by counts of rare words."""
    from tfseq import NGramModel

    rare = [word for word in Counter(train_text.split()) if word not in known]
    characters = {c: i for i, c in enumerate(sorted({c for word in rare for c in word}), 2)}
    ids = [characters.get(c, 0) if c != "\n" else 1 for c in "\n".join(["", *rare, ""])]
    model = NGramModel(order=6).fit(np.array(ids), vocabulary_size=len(characters) + 2)
    spelt = "\n".join(["", *unknown, ""])
    ids = np.array([characters.get(c, 0) if c != "\n" else 1 for c in spelt])
    bits = -model.log_probabilities(ids)[1:].sum() / math.log(2)
    return bits + math.log2(CODE_POINTS) * int((ids == 0).sum())


def ngram_bits(training, order: int) -> float:
    """Bits of the test split by counts of n tokens."""
    from tfseq import NGramModel

    corpus = training.corpus
    model = NGramModel(order).fit(corpus.train, len(corpus.vocabulary))
    logs = model.log_probabilities(corpus.test, context=corpus.before("test", order))
    return -float(logs.sum()) / math.log(2)


def measure(corpus: Path, name: str, seconds: float) -> dict[str, Any]:
    """One contender, trained and measured."""
    from tfseq.tasks.language_model.evaluation.evaluator import Evaluator

    with tempfile.TemporaryDirectory() as place:
        training = prepared(corpus, name, f"{place}/first")
        rate = train(training, CALIBRATION_SECONDS, 10**9) / CALIBRATION_SECONDS
        training = prepared(corpus, name, f"{place}/second")
        begin = time.perf_counter()
        steps = train(training, 2 * seconds, int(rate * seconds))
        taken = time.perf_counter() - begin
        encoded, model = training.corpus, training.run.model
        before = int(encoded.before("test")[-1])
        test = Evaluator(model)(encoded.test, context=before)
        bits = test.bits_per_token * test.num_tokens
        num_unknown = int((np.asarray(encoded.test) == 0).sum())
        extra = math.log2(CODE_POINTS) * num_unknown
        if name == "word":
            known = set(encoded.vocabulary.tokens)
            words = (corpus / "test.txt").read_text(encoding="utf-8").split()
            unknown = [word for word in words if word not in known]
            if len(unknown) != num_unknown:
                raise ValueError(f"{len(unknown)} unknown words, and {num_unknown} ids of them.")
            text = (corpus / "train.txt").read_text(encoding="utf-8")
            extra = spelling_bits(unknown, known, text)
        size = (corpus / "test.txt").stat().st_size
        tokens = steps * training.run.options.batch_size * training.run.options.num_steps
        return {
            "parameters": model.count_params(),
            "symbols": len(encoded.vocabulary),
            "bytes_per_token": size / test.num_tokens,
            "tokens_per_second": tokens / taken,
            "epochs": tokens / len(encoded.train),
            "minutes": taken / 60,
            "perplexity": test.perplexity,
            "unknown": num_unknown,
            "unknown_bits_per_byte": extra / size,
            "bits_per_byte": (bits + extra) / size,
            "order": ORDERS.get(name, 5),
            "ngram_bits_per_byte": (ngram_bits(training, ORDERS.get(name, 5)) + extra) / size,
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, help="a directory with train, valid and test files")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training for each model")
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # What a library prints is no answer.
        found = measure(options.corpus, options.only[0], 60 * options.minutes)
        print(json.dumps(found), file=answers, flush=True)
        return
    print(
        "| tokens | parameters | symbols | bytes a token | tokens/s | epochs | minutes "
        "| perplexity | `<unk>` | spelling | bits per byte | n-grams |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for name in options.only:
        command = [sys.executable, __file__, options.corpus, "--child", "--only", name]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        child = subprocess.run(
            [*command, "--minutes", str(options.minutes)],
            check=True, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        row = json.loads(child.stdout)
        print(
            f"| {name} | {row['parameters'] / 1e6:.2f}M | {row['symbols']:,} | "
            f"{row['bytes_per_token']:.2f} | {row['tokens_per_second']:,.0f} | "
            f"{row['epochs']:.1f} | {row['minutes']:.1f} | {row['perplexity']:.2f} | "
            f"{row['unknown']:,} | {row['unknown_bits_per_byte']:.3f} | "
            f"{row['bits_per_byte']:.3f} | {row['ngram_bits_per_byte']:.3f} ({row['order']}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
