"""The texts on which figures of KenLM are recorded and compared."""

import random

import numpy as np

from tfseq.data import encode_corpus
from tfseq.text import cache_directory, make_tokenizer, open_corpus

NUM_MADE = 600


def made_text() -> tuple[np.ndarray, np.ndarray, int]:
    """Ids of a made text for training and validation, and the number of ids.

    Half of its tokens follow from the one before, the others are drawn, low ids more often.
    """
    chance = random.Random(5)
    ids = [1]
    for _ in range(20_000):
        choice, place = chance.random(), chance.random()
        if choice < 0.5:
            ids.append((ids[-1] * 7 + int(place * 3)) % NUM_MADE + 1)
        else:
            ids.append(int(NUM_MADE * place**3) + 1)
    train = np.array(ids[:18_000])
    known = np.isin(np.arange(NUM_MADE + 1), train)
    return train, np.where(known, np.arange(NUM_MADE + 1), 0)[ids[18_000:]], NUM_MADE + 1


def time_machine(kind: str) -> tuple[np.ndarray, np.ndarray, int] | None:
    """The same of The Time Machine in `letters`, of which the last tenth is for validation."""
    if not (cache_directory() / "corpora" / "timemachine.txt").is_file():
        return None
    tokenizer = make_tokenizer({"kind": kind, "normalization": "letters"})
    corpus = encode_corpus(open_corpus("time_machine"), tokenizer)
    return np.array(corpus.train), np.array(corpus.validation), len(corpus.vocabulary)


TEXTS = {
    "made": made_text,
    "time_machine words": lambda: time_machine("word"),
    "time_machine characters": lambda: time_machine("char"),
}
