"""What `scale.py` prints of a simulation, in Markdown."""

import argparse
import math
from collections.abc import Sequence

from scaling.machines import DRIVER, FEW, NODE, PROCESSORS, STORE, Machines, Stage
from scaling.tables import duration, name_of, print_table, size
from scaling.text_simulation import (
    IDS_DIGEST,
    TEXT_DIGEST,
    TextCosts,
    pays_from,
    text_memory,
    text_stages,
)
from scaling.training_simulation import BYTES, GRADIENT, HOPS, TrainingCosts, training_step

_TASKS = ("tokenize", "count", "write")
_REMEDIES = {
    PROCESSORS: "more workers",
    NODE: "fewer workers on a machine, or a faster store",
    STORE: "a store with more bandwidth",
    FEW: "smaller pieces",
    DRIVER: "larger pieces",
    GRADIENT: "more workers",
    BYTES: "more rows for each worker, a faster network, or --softmax sampled",
    HOPS: "fewer workers with more threads or a GPU each, or more rows for each worker",
}


def remedy(stage: Stage) -> str:
    """What helps against the bound of a stage."""
    if stage.name in (TEXT_DIGEST, IDS_DIGEST):
        return "digests of parts, taken by the tasks"
    if stage.name == "count" and stage.bound == FEW:
        return "tasks that each add up a part of the tokens, by a hash"
    if stage.name == "vocabulary":
        return "tasks that each sort a part of the tokens"
    return _REMEDIES[stage.bound]


def print_simulated_text(
    costs: TextCosts,
    options: argparse.Namespace,
    machines: Machines,
    alone: float | None = None,
    start: float | None = None,
) -> None:
    """The stages of a text, with each number of workers; what bounds them.

    Args:
        costs: of the tasks.
        options: the numbers of workers, and of what text.
        machines: on which they are.
        alone: the seconds of one process without a cluster, for each MB, if they are known.
        start: those that a cluster needs to start and end.
    """
    megabytes = options.terabytes * 1e6
    how = {"piece_mb": options.piece_megabytes, "vocabulary": options.max_vocabulary}

    def stages(workers: int, **more: bool) -> list[Stage]:
        return text_stages(costs, megabytes, workers, machines, **how, **more)

    by_workers = {n: stages(n) for n in options.workers}
    totals = {n: _total(found) for n, found in by_workers.items()}
    with_remedies = {n: _total(stages(n, remedies=True)) for n in options.workers}
    one, one_with = _total(stages(1)), _total(stages(1, remedies=True))
    most = max(options.workers)
    print(
        f"Simulated: {size(megabytes)} of text, {machines.workers_per_node} workers on each "
        f"machine, which has {machines.network:,.0f} MB/s of network and {machines.store:,.0f} "
        f"MB/s of the store. All machines together have {machines.store_total:,.0f} MB/s of the "
        "store.\n"
    )
    rows = [
        [
            stage.name,
            *(duration(found[place].seconds) for found in by_workers.values()),
            stage.bound,
        ]
        for place, stage in enumerate(by_workers[most])
    ]
    rows.append(["all", *map(duration, totals.values()), ""])
    rows.append(["efficiency", *(f"{one / n / s:.0%}" for n, s in totals.items()), ""])
    rows.append(["all, with remedies", *map(duration, with_remedies.values()), ""])
    rows.append(["efficiency", *(f"{one_with / n / s:.0%}" for n, s in with_remedies.items()), ""])
    if alone is not None:
        paying = [pays_from(costs, alone, start, n, machines, **how) for n in options.workers]
        rows.append(["pays from", *(size(mb) if mb else "-" for mb in paying), ""])
    workers = [f"{n:,}" for n in options.workers]
    print_table(["workers", *workers, f"bound, with {most:,}"], rows)
    if alone is not None:
        print(
            f"`pays from` is the text from which a cluster that starts and ends in "
            f"{duration(start)} is faster than one process of this machine.\n"
        )
    for n, found in by_workers.items():
        longest = max(found, key=lambda stage: stage.seconds)
        print(
            f"- {n:,} {'workers' if n > 1 else 'worker'}: the longest stage is {longest.name}. "
            f"It is bound by {longest.bound}. Remedy: {remedy(longest)}."
        )
    print()


def print_memory(costs: TextCosts, options: argparse.Namespace) -> None:
    """What each process of the text stage holds."""
    megabytes = options.terabytes * 1e6
    print(
        f"{size(megabytes)} of this text has {costs.distinct(megabytes):,.0f} distinct tokens, by "
        f"Heaps' law: {costs.heaps_factor:.2f} n^{costs.heaps_exponent:.2f} of n tokens. "
        f"{options.max_vocabulary:,} are kept. A worker without work has "
        f"{costs.process_mb:,.0f} MB.\n"
    )
    sizes = (megabytes / 1000, megabytes)
    kept = [text_memory(costs, mb, options.piece_megabytes, options.max_vocabulary) for mb in sizes]
    rows = [[name, *(size(held[name]) for held in kept)] for name in kept[0]]
    whole = [text_memory(costs, mb, options.piece_megabytes)["write"] for mb in sizes]
    rows.append(["write, if all tokens are kept", *map(size, whole)])
    print_table(["process", *(size(mb) for mb in sizes)], rows)


def print_simulated_training(
    loop: str,
    costs: TrainingCosts,
    options: argparse.Namespace,
    machines: Machines,
    start: float | None = None,
) -> None:
    """A step with each number of workers, of a batch that stays and of one that grows with them.

    Args:
        loop: what is trained.
        costs: of its steps.
        options: the numbers of workers, and how fast they are.
        machines: on which they are.
        start: the seconds that workers need to start and end, if they are known.
    """
    rows = int(loop.split(":")[1].split("x")[0])
    alone = training_step(costs, rows, 1, machines, options.speed).seconds
    lines = []
    for workers in options.workers:
        stays = None
        if workers <= rows:
            stays = training_step(costs, rows, workers, machines, options.speed)
        grows = training_step(costs, rows * workers, workers, machines, options.speed)
        lines.append(
            [
                f"{workers:,}",
                *([duration(stays.seconds), _share(alone, stays, workers)] if stays else "--"),
                duration(grows.seconds),
                _share(alone * workers, grows, workers),
                grows.bound,
                rows_for(costs, workers, machines, options.speed),
                pays_after(start, alone * workers / grows.seconds),
            ]
        )
    print(
        f"{name_of(loop)}: {costs.parameters:,} parameters, "
        f"{machines.network:,.0f} MB/s of network, {1000 * machines.latency:g} ms a message"
        + (f", workers {options.speed:g} times as fast" if options.speed != 1 else "")
        + ":\n"
    )
    print_table(
        [
            "workers",
            f"{rows} rows in all",
            "efficiency",
            f"{rows} rows each",
            "efficiency",
            "bound",
            "rows each for 80%",
            "pays from",
        ],
        lines,
    )
    bounds: Sequence[str] = sorted({line[5] for line in lines} - {GRADIENT})
    for bound in bounds:
        print(f"- Remedy where the bound is {bound}: {_REMEDIES[bound]}.")
    if bounds:
        print()


def rows_for(costs: TrainingCosts, workers: int, machines: Machines, speed: float = 1.0) -> str:
    """The rows of each worker with which four fifths of a step are its gradient.

    It is "-" where the time of a row was too short to be measured.
    """
    if costs.row == 0:
        return "-"
    gradient = (costs.fixed + costs.row) / speed
    send = training_step(costs, workers, workers, machines, speed).seconds - gradient
    rows = (4 * send * speed - costs.fixed) / costs.row
    return f"{max(1, math.ceil(rows)):,}"


def pays_after(start: float | None, faster: float) -> str:
    """The time of a run of one process from which workers are over sooner.

    Args:
        start: the seconds that they need to start and end, if these are known.
        faster: how many times as fast as one process they train together.
    """
    if start is None or faster <= 1:
        return "-"
    return duration(start / (1 - 1 / faster))


def _share(alone: float, step: Stage, workers: int) -> str:
    return f"{alone / workers / step.seconds:.0%}"


def _total(stages: list[Stage]) -> float:
    return sum(stage.seconds for stage in stages)
