"""How far the text stage and training scale, who holds what in memory, and what Ray costs.

    python benchmarks/scale.py
    python benchmarks/scale.py --corpus big.txt --turns 5
    python benchmarks/scale.py --parts simulation --store 1000 --terabytes 10 --workers 1 16 256

`text`: one process encodes a text, on all cores and on one, and so do clusters of this machine with
one worker and with two. `training`: steps of one process, on all cores and on one, and of two
processes that add up their gradients. `script`: whole runs of `train_language_model.py` without a
cluster and with one. In each part all take turns. A ratio is that of medians, and the range of
single turns is behind it.

`simulation`: larger texts and more workers, computed from what each task and each message costs
here and from the bandwidths that the options state; and who holds what in memory.

What is printed is Markdown, in the order of the two pages that show it: `benchmarks/README.md` and
`docs/scale-out.md`. A line `=== PAGE, PLACE ===` says where the lines below it are pasted.

Without `--corpus` the text is of words that follow Zipf's law. Measure on a quiet machine. A run
takes some eight minutes on two cores. It needs Linux.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from scaling import measuring
from scaling.machines import HERE, Machines
from scaling.report import print_memory, print_simulated_text, print_simulated_training
from scaling.tables import duration, efficiency, name_of, print_ratios, print_table, ranged, size
from scaling.text_simulation import TextCosts, text_stages
from scaling.training_simulation import TrainingCosts, training_step
from scaling.zipf_text import write_zipf_text

PARTS = ("text", "training", "script", "simulation")
LOOPS = ("gru:32x35x256:64:104", "lstm:32x35x650:650:10000")
SHORT_MB = 0.1
PEER = measuring.ALONE


def show_text(
    text: Path, options: argparse.Namespace, costs: TextCosts, runs: dict[str, list[dict]]
) -> None:
    """Print the part `text`."""
    seconds = {name: [run["seconds"] for run in of_name] for name, of_name in runs.items()}
    megabytes = text.stat().st_size / 1e6
    print(
        f"A text of {megabytes:.0f} MB, tokenizer `{options.tokenizer}`, {options.pieces} pieces, "
        f"{options.turns} turns; without the start of Ray:\n"
    )
    print_ratios(seconds, PEER, "MB/s", megabytes)
    both = measuring.ONE_WORKER, measuring.TWO_WORKERS
    print(f"- Efficiency of 2 workers: {efficiency(seconds, *both, 2)}.")
    for name, workers in zip(both, (1, 2), strict=True):
        measured = {
            stage: statistics.median(run["stages"][stage] for run in runs[name])
            for stage in runs[name][0]["stages"]
        }
        stages = text_stages(costs, megabytes, workers, HERE, megabytes / options.pieces)
        simulated = sum(stage.seconds for stage in stages)
        print(
            f"- Stages with {name}: "
            + ", ".join(f"{stage} {duration(value)}" for stage, value in measured.items())
            + f". Simulated / measured: {simulated / statistics.median(seconds[name]):.2f}."
        )
    print()


def show_ray(text: Path, runs: dict[str, list[dict]]) -> None:
    """Print what Ray costs, as the part `text` has measured it."""
    of_two = runs[measuring.TWO_WORKERS]
    words = {
        "Ray starts": "connect",
        "2 workers load tfseq": "load",
        "Ray ends": "end",
        "a task without work, in the driver": "task",
    }
    print_table(
        ["", "median"],
        [[name, ranged([run[key] for run in of_two])] for name, key in words.items()],
    )
    megabytes = text.stat().st_size / 1e6
    alone, two = (
        statistics.median(run["seconds"] for run in runs[name]) / megabytes
        for name in (PEER, measuring.TWO_WORKERS)
    )
    start = start_of(runs)
    pays = f"from {size(start / (alone - two))} on" if two < alone else "for no size of text"
    print(
        f"A cluster of 2 workers takes {duration(start)} to start and end. On this machine it pays "
        f"{pays}.\n"
    )


def start_of(runs: dict[str, list[dict]]) -> float:
    """The seconds until a cluster has begun, and those of its end."""
    ways = ("connect", "load", "end")
    return statistics.median(sum(run[way] for way in ways) for run in runs[measuring.TWO_WORKERS])


def show_training(loop: str, options: argparse.Namespace) -> TrainingCosts:
    """Measure and print the part `training`, of one loop."""
    seconds, costs = measuring.measure_training(loop, options.turns)
    rows, steps, _ = map(int, loop.split(":")[1].split("x"))
    print(f"A step of {name_of(loop)}: {costs.parameters:,} parameters, {options.turns} turns:\n")
    print_ratios(seconds, PEER, "tokens/s", rows * steps)
    both = measuring.ON_ONE_THREAD, measuring.TWO_WORKERS
    simulated = training_step(costs, rows, 2, HERE).seconds
    print(
        f"- Efficiency of 2 workers, beside one thread: {efficiency(seconds, *both, 2)}.\n"
        f"- On one thread, a step takes {duration(costs.fixed)} and {duration(costs.row)} a row. A "
        f"message of the ring takes {duration(costs.hop)} and {duration(costs.byte * 1e6)} a MB. "
        "Simulated / measured, with 2 workers: "
        f"{simulated / statistics.median(seconds[measuring.TWO_WORKERS]):.2f}.\n"
    )
    return costs


def show_script(text: Path, turns: int) -> None:
    """Measure and print the part `script`."""
    runs = measuring.measure_script(text, turns)
    seconds = {name: [run["seconds"] for run in of_name] for name, of_name in runs.items()}
    print(
        "Whole runs of `train_language_model.py`, "
        f"{text.stat().st_size / 1e6:.1f} MB of characters, one epoch, "
        f"{turns} turn{'s' * (turns != 1)}:\n"
    )
    print_ratios(seconds, PEER)
    print(
        "In training, these read "
        + ", ".join(
            f"{statistics.median(run['tokens_per_second'] for run in of_name):,.0f}"
            for of_name in runs.values()
        )
        + " tokens/s.\n"
    )


def measured_costs(text: Path, options: argparse.Namespace, runs: dict | None) -> TextCosts:
    """What the tasks of the text stage cost here."""
    how = {"text": str(text), "tokenizer": options.tokenizer}
    task = 0.001
    if runs:
        task = statistics.median(run["task"] for run in runs[measuring.TWO_WORKERS])
    return TextCosts(**measuring.in_child("text_costs.py", **how), task=task)


def simulate(
    text: Path,
    options: argparse.Namespace,
    costs: TextCosts,
    runs: dict | None,
    of_loops: dict[str, TrainingCosts],
) -> None:
    """Print the part `simulation`."""
    start = alone = None
    if runs:
        start = start_of(runs)
        megabytes = text.stat().st_size / 1e6
        alone = statistics.median(run["seconds"] for run in runs[PEER]) / megabytes
    heading("docs/scale-out.md, How far it scales, Text: the stages")
    print_simulated_text(costs, options, machines(options), alone, start)
    print(
        f"The digest of the text costs {duration(costs.text_digest)} a MB, that of the ids "
        f"{duration(costs.ids_digest)} a MB, and a task {duration(costs.task)} in the driver.\n"
    )
    heading("docs/scale-out.md, How far it scales, Text: memory")
    print_memory(costs, options)
    heading("docs/scale-out.md, How far it scales, Training")
    for loop, of_loop in of_loops.items():
        print_simulated_training(loop, of_loop, options, machines(options), start)


def heading(place: str) -> None:
    """Say into which page what follows is pasted."""
    print(f"=== {place} ===\n")


def machines(options: argparse.Namespace) -> Machines:
    """Those that the options state."""
    return Machines(
        options.workers_per_node,
        options.network,
        options.store,
        options.store_total,
        options.latency / 1000,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--script-turns", type=int, default=1, help="of the part `script`")
    parser.add_argument("--corpus", type=Path, help="a text file to measure with")
    parser.add_argument("--megabytes", type=int, default=32, help="of the text that is made")
    parser.add_argument("--tokenizer", choices=["char", "word", "whitespace"], default="word")
    parser.add_argument("--pieces", type=int, default=8, help="of the measured text")
    parser.add_argument("--loops", nargs="+", default=LOOPS, help="as in training.py")
    stated = parser.add_argument_group("simulation")
    stated.add_argument("--workers", type=int, nargs="+", default=[1, 2, 8, 64, 1000])
    stated.add_argument("--terabytes", type=float, default=1.0, help="of text")
    stated.add_argument("--piece-megabytes", type=float, default=67.1, help="that a task reads")
    stated.add_argument("--max-vocabulary", type=int, default=100_000, help="tokens that are kept")
    stated.add_argument("--workers-per-node", type=int, default=16)
    stated.add_argument("--network", type=float, default=1250.0, help="MB/s of a machine")
    stated.add_argument("--store", type=float, default=200.0, help="MB/s of a machine")
    stated.add_argument("--store-total", type=float, default=20_000.0, help="MB/s of all")
    stated.add_argument("--latency", type=float, default=0.2, help="ms of a message")
    stated.add_argument(
        "--speed", type=float, default=1.0, help="of a worker's gradient: 100 is 100 of these cores"
    )
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    parts = set(options.parts)
    with tempfile.TemporaryDirectory(prefix="scale-") as place:
        text = options.corpus
        if text is None:
            text = Path(place, "text.txt")
            write_zipf_text(text, options.megabytes * 1_000_000)
        runs = costs = None
        if parts != {"simulation"}:
            heading("benchmarks/README.md, Beyond one machine")
        if "text" in parts:
            how = options.tokenizer, options.pieces, options.turns
            runs = measuring.measure_text(text, *how)
        if {"text", "simulation"} & parts:
            costs = measured_costs(text, options, runs)
        if runs:
            show_text(text, options, costs, runs)
            show_ray(text, runs)
        of_loops = {}
        if {"training", "simulation"} & parts:
            of_loops = {loop: show_training(loop, options) for loop in options.loops}
        if "script" in parts:
            short = Path(place, "short.txt")
            with text.open("rb") as file:
                short.write_bytes(file.read(int(SHORT_MB * 1e6)).rpartition(b"\n")[0])
            show_script(short, options.script_turns)
        if "simulation" in parts:
            simulate(text, options, costs, runs, of_loops)


if __name__ == "__main__":
    main()
