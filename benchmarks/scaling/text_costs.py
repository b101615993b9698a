"""What the tasks of the text stage cost on one core, one by one: times, sizes, memory.

Times are those of the processor, so that other work on the machine counts less.

It is run as a process: `python text_costs.py '{"text": PATH, "tokenizer": KIND, "work": PLACE}'`
prints a line of JSON, the fields of `text_simulation.TextCosts`. It needs Linux.
"""

import ctypes
import gc
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

#: Distinct tokens of the sums that are added up, and of the vocabulary that is built and looked up.
MANY = 1_000_000
_SUMS = 16
# Files of a piece: its numbers, and its distinct tokens.
_ENDS = ("numbers", "tokens")
_MB = 1e6


def measured(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a function gives, its seconds of a processor, and the MB that this process grew by."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # The peak begins anew.
    before, start = memory("VmRSS"), time.process_time()
    result = function()
    return result, time.process_time() - start, max(0.0, memory("VmHWM") - before)


def memory(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / _MB
    raise ValueError(name)


def words(numbers: np.ndarray) -> list[str]:
    """Distinct words, the more frequent ones shorter."""
    from scaling.zipf_text import spelled

    return spelled(numbers).decode().split()


def of_pieces(text: str, tokenizer: dict, work: str) -> dict[str, float]:
    """Costs of tasks that read a piece: tokenize, count, write."""
    from tfseq.data.encoded_corpus import digest_of
    from tfseq.data.pieces.piece_encoding import EncodingJob, Piece, number_piece, numbered
    from tfseq.data.pieces.piece_sums import count_pieces, write_shard
    from tfseq.files.store import Store
    from tfseq.text import Vocabulary, open_corpus
    from tfseq.text.corpora.corpus_pieces import START, Place

    corpus, store = open_corpus(text), Store(work)
    size = os.path.getsize(text)
    ends = [START, Place(0, size // 16), Place(0, size // 4), None]
    warm_up, small, large = (Piece(*pair) for pair in itertools.pairwise(ends))
    job = EncodingJob(corpus.source, tokenizer, store)
    number_piece(job, warm_up)
    measured(gc.collect)
    process_mb = memory("VmRSS")
    small_tokens, _, small_mb = measured(lambda: number_piece(job, small))
    num_tokens, seconds, large_mb = measured(lambda: number_piece(job, large))
    mb = size * 3 / 4 / _MB
    with numbered(job, small) as tokens:
        small_distinct = len(tokens.distinct)
    with numbered(job, large) as tokens:
        distinct = len(tokens.distinct)
    largest = (max(Path(work).glob(f"*.{end}"), key=os.path.getsize) for end in _ENDS)
    numbers_bytes, distinct_bytes = map(os.path.getsize, largest)
    name, leaf_seconds, _ = measured(lambda: count_pieces(job, [(large, None)], []))
    counts = job.read_json(name)
    vocabulary = Vocabulary.build(counts)
    with store.writing("vocabulary.txt") as path:
        vocabulary.save(path)
    write_shard(job, "first", [(warm_up, None, 0, 9)])  # It loads the vocabulary.
    # A small piece has more distinct tokens to look up, for each token, than a large one.
    _, write_seconds, _ = measured(
        lambda: write_shard(job, "few", [(small, None, 0, small_tokens)])
    )
    write_shard(job, "ids", [(large, None, 0, num_tokens)])
    ids = Path(work, "ids")
    _, ids_digest_seconds, _ = measured(lambda: digest_of([ids]))
    _, text_digest_seconds, _ = measured(corpus.fingerprint)
    # D(n) = K n^β: the large piece is four times as long as the small one.
    exponent = float(np.log(distinct / small_distinct) / np.log(4))
    return {
        "tokenize": seconds / mb,
        "count_distinct": leaf_seconds / distinct,
        "write_tokens": write_seconds / small_tokens,
        "text_digest": text_digest_seconds / (size / _MB),
        "ids_digest": ids_digest_seconds / (ids.stat().st_size / _MB),
        "tokens_of_mb": num_tokens / mb,
        "numbered_bytes": numbers_bytes / num_tokens,
        "distinct_bytes": distinct_bytes / distinct,
        "process_mb": process_mb,
        "piece_mb": small_mb,
        "piece_distinct_bytes": max(0.0, large_mb - small_mb) * _MB / distinct,
        "heaps_exponent": exponent,
        "heaps_factor": distinct / num_tokens**exponent,
    }


def of_sums(work: str, exponent: float, many: int = MANY) -> dict[str, float]:
    """Costs of a task that adds up 16 sums of counts, and of the vocabulary that is made of it."""
    from tfseq.data.pieces.piece_encoding import EncodingJob
    from tfseq.data.pieces.piece_sums import count_pieces, write_shard
    from tfseq.files.store import Store
    from tfseq.text import Vocabulary

    job, chance = EncodingJob(None, {}, Store(work)), np.random.default_rng(0)
    tokens = words(np.arange(many))
    share = 16**-exponent
    names, added = [], 0
    for number in range(_SUMS):
        mine = np.flatnonzero(chance.random(many) < share).tolist()
        with job.work.writing(f"{number}.counts") as path:
            path.write_text(json.dumps({tokens[k]: 1 + many // (k + 1) for k in mine}))
        names.append(f"{number}.counts")
        added += len(mine)
    name, seconds, mb = measured(lambda: count_pieces(job, [], names))
    distinct = len(job.read_json(name))

    def build():
        vocabulary = Vocabulary.build(job.read_json(name))
        with job.work.writing("vocabulary.txt") as path:
            vocabulary.save(path)

    _, build_seconds, build_mb = measured(build)
    _, load_seconds, load_mb = measured(lambda: write_shard(job, "none", []))
    return {
        "add_distinct": seconds / added,
        "sum_bytes": Path(work, name).stat().st_size / distinct,
        "added_memory": mb * _MB / distinct,
        "build": build_seconds / distinct,
        "build_memory": build_mb * _MB / distinct,
        "load": load_seconds / distinct,
        "load_memory": load_mb * _MB / distinct,
    }


def main(text: str, tokenizer: str, work: str) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from tfseq.text.counting import on_threads

    with on_threads(1):
        costs = of_pieces(text, {"kind": tokenizer}, f"{work}/pieces")
        costs |= of_sums(f"{work}/sums", costs["heaps_exponent"])
    print(json.dumps(costs))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(**json.loads(sys.argv[1]))
