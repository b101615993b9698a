"""Short documents, a model of them, and what it should make of them."""

import itertools
import random

import numpy as np
from small_tasks import COMMON

from tfseq.tasks.language_model.options import LanguageModelOptions

MARKER = "<|endoftext|>"


def write_stories(path, seed=0, count=90):
    chance, documents = random.Random(seed), []
    for _ in range(count):
        lines = chance.randrange(1, 4)
        documents.append("\r\n".join(" ".join(chance.choices("abcd", k=3)) for _ in range(lines)))
    path.write_bytes(f"\r\n{MARKER}\r\n".join(documents).encode())
    return documents


def options_of(place, **changes):
    usual = {
        **COMMON,
        "cell": "rnn",
        "embedding_size": 0,
        "num_steps": 12,
        "learning_rate": 0.02,
        "sample_epochs": 1,
    }
    usual |= {
        "batch_size": 32,
        "corpus": str(place / "stories.txt"),
        "run_dir": str(place / "run"),
        "export": False,
    }
    return LanguageModelOptions(**{**usual, "documents": MARKER, **changes})


def log_probabilities(task, texts):
    """log P of each token of documents and of their ends, each alone, by the equations in NumPy."""
    weights = {w.path.split("/")[-1]: w.numpy().astype("float64") for w in task.model.weights}
    id_of = {token: number for number, token in enumerate(task.vocabulary.tokens)}
    begin, end = task.vocabulary.document_ids
    result = []
    for text in texts:
        ids, h, found = [begin, *(id_of[c] for c in text), end], np.zeros(COMMON["units"]), []
        for read, target in itertools.pairwise(ids):
            h = np.tanh(weights["kernel"][read] + h @ weights["recurrent_kernel"] + weights["bias"])
            logits = h @ weights["output_kernel"] + weights["output_bias"]
            found.append(logits[target] - np.log(np.exp(logits).sum()))
        result.append(np.array(found))
    return result
