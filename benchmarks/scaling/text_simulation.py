"""The text stage on a cluster of any size, simulated from what its tasks cost on one core."""

import dataclasses
import math

import numpy as np
from scaling.machines import DRIVER, Machines, Stage, stage_of_tasks

ADDED = 16
_SHARD_MB = (1 << 26) / 1e6
TEXT_DIGEST, IDS_DIGEST = "digest of the text", "digests of the ids"


@dataclasses.dataclass(frozen=True)
class TextCosts:
    """What `text_costs.py` measures: seconds of a core, and bytes.

    Attributes:
        tokenize: seconds for each MB of text.
        count_distinct: for each distinct token of a piece that is counted.
        add_distinct: for each entry of the sums that are added up.
        build: for each distinct token of the text, in the driver: to read the last sum, and to
            build and write the vocabulary.
        load: for each token of the vocabulary, once in each worker.
        write_tokens: for each token of a shard, with what its piece's distinct tokens take to look
            up.
        text_digest, ids_digest: seconds for each MB, in the driver.
        tokens_of_mb: tokens in a MB of text.
        numbered_bytes: of a token of a piece that is tokenized.
        distinct_bytes: of a distinct token of a piece that is tokenized.
        sum_bytes: of a distinct token, in the file of a sum.
        heaps_exponent, heaps_factor: n tokens have about factor × n^exponent distinct ones.
        process_mb: of a worker that has tokenized a little.
        piece_mb, piece_distinct_bytes: more of it with a piece; more for each distinct token.
        added_memory, build_memory, load_memory: bytes for each distinct token, at the root of the
            merge, in the driver, and in a worker that has loaded the vocabulary.
        task: seconds of the driver for each task.
    """

    tokenize: float
    count_distinct: float
    add_distinct: float
    build: float
    load: float
    write_tokens: float
    text_digest: float
    ids_digest: float
    tokens_of_mb: float
    numbered_bytes: float
    distinct_bytes: float
    sum_bytes: float
    heaps_exponent: float
    heaps_factor: float
    process_mb: float
    piece_mb: float
    piece_distinct_bytes: float
    added_memory: float
    build_memory: float
    load_memory: float
    task: float = 0.0

    def distinct(self, megabytes: float) -> float:
        """Distinct tokens of so much text, by Heaps' law."""
        tokens = megabytes * self.tokens_of_mb
        return min(tokens, self.heaps_factor * tokens**self.heaps_exponent)


def text_stages(
    costs: TextCosts,
    megabytes: float,
    workers: int,
    machines: Machines,
    piece_mb: float = _SHARD_MB,
    vocabulary: float = math.inf,
    remedies: bool = False,
) -> list[Stage]:
    """The stages of encoding a text, in their order.

    Args:
        costs: of the tasks.
        megabytes: of the text.
        workers: how many tasks are done at a time.
        machines: on which.
        piece_mb: of the text, that a task tokenizes.
        vocabulary: the most tokens that it keeps.
        remedies: what tfseq does not do: tasks take the digests, of parts; and after the first sums
            each task adds up the tokens whose hash is its own, so that no task has all of them.
    """

    def driver(name: str, compute: float, read: float) -> Stage:
        # The system reads ahead.
        return Stage(name, max(compute, read / machines.node), DRIVER)

    def tasks(name: str, number: int, compute: float, moved: float) -> Stage:
        return stage_of_tasks(name, number, compute, moved, workers, machines, costs.task)

    pieces = max(1, round(megabytes / piece_mb))
    piece_mb = megabytes / pieces
    of_piece, all_tokens = piece_mb * costs.tokens_of_mb, megabytes * costs.tokens_of_mb
    numbers_mb = of_piece * costs.numbered_bytes / 1e6
    distinct_mb = costs.distinct(piece_mb) * costs.distinct_bytes / 1e6
    distinct, kept = costs.distinct(megabytes), min(vocabulary, costs.distinct(megabytes))
    if remedies:
        digest = tasks(TEXT_DIGEST, pieces, costs.text_digest * piece_mb, piece_mb)
    else:
        digest = driver(TEXT_DIGEST, costs.text_digest * megabytes, megabytes)
    compute = costs.tokenize * piece_mb
    stages = [digest, tasks("tokenize", pieces, compute, piece_mb + numbers_mb + distinct_mb)]

    # Sums of 16 pieces, of 16 sums, and so on: each level waits for the one below.
    groups, added = math.ceil(pieces / ADDED), min(ADDED, pieces)
    entries = added * costs.distinct(piece_mb)
    written = costs.distinct(added * piece_mb) * costs.sum_bytes / 1e6
    moved = added * distinct_mb + written
    levels = [tasks("count", groups, costs.count_distinct * entries, moved)]
    covered = added * piece_mb
    if remedies and groups > 1:
        entries = groups * costs.distinct(covered) / workers
        moved = (entries + distinct / workers) * costs.sum_bytes / 1e6
        levels.append(tasks("count", workers, costs.add_distinct * entries, moved))
        groups = 1
    while groups > 1:
        added = min(ADDED, groups)
        entries = added * costs.distinct(covered)
        groups, covered = math.ceil(groups / ADDED), min(megabytes, covered * added)
        moved = (entries + costs.distinct(covered)) * costs.sum_bytes / 1e6
        levels.append(tasks("count", groups, costs.add_distinct * entries, moved))
    stages.append(_together("count", levels))
    stages.append(driver("vocabulary", costs.build * distinct, distinct * costs.sum_bytes / 1e6))

    id_bytes = np.min_scalar_type(max(0, math.ceil(kept) - 1)).itemsize
    ids_mb = all_tokens * id_bytes / 1e6
    shards = max(1, round(ids_mb / _SHARD_MB))
    share = all_tokens / shards
    moved = share * (costs.numbered_bytes + id_bytes) / 1e6
    write = tasks("write", shards, costs.write_tokens * share, moved)
    stages.append(write._replace(seconds=write.seconds + costs.load * kept))
    # Once to make it, and once more by who reads what is made.
    if remedies:
        of_shard = 2 * ids_mb / shards
        stages.append(tasks(IDS_DIGEST, shards, costs.ids_digest * of_shard, of_shard))
    else:
        stages.append(driver(IDS_DIGEST, costs.ids_digest * 2 * ids_mb, 2 * ids_mb))
    return stages


def pays_from(
    costs: TextCosts, alone: float, start: float, workers: int, machines: Machines, **how: float
) -> float | None:
    """The MB of text from which a cluster is the faster one, to a tenth; None below 10 TB.

    Args:
        costs: of the tasks.
        alone: seconds of one process without a cluster, for each MB.
        start: seconds until tasks begin, and of the end.
        workers: how many tasks are done at a time.
        machines: on which.
        **how: more of `text_stages`.
    """
    megabytes = 1.0
    while megabytes < 1e7:
        stages = text_stages(costs, megabytes, workers, machines, **how)
        if start + sum(stage.seconds for stage in stages) < alone * megabytes:
            return megabytes
        megabytes *= 1.1
    return None


def text_memory(
    costs: TextCosts,
    megabytes: float,
    piece_mb: float = _SHARD_MB,
    vocabulary: float = math.inf,
) -> dict[str, float]:
    """The MB that each process holds, besides what Ray itself needs."""
    distinct, of_piece = costs.distinct(megabytes), costs.distinct(piece_mb)
    piece = costs.piece_mb + of_piece * costs.piece_distinct_bytes / 1e6
    held = {
        "driver": distinct * costs.build_memory / 1e6,
        "tokenize": piece,
        "count, at the root": distinct * costs.added_memory / 1e6,
        "write": min(vocabulary, distinct) * costs.load_memory / 1e6 + piece,
    }
    return {name: costs.process_mb + more for name, more in held.items()}


def _together(name: str, levels: list[Stage]) -> Stage:
    longest = max(levels, key=lambda level: level.seconds)
    return Stage(name, sum(level.seconds for level in levels), longest.bound)
