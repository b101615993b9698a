"""Whole training loops of a language model: tfseq beside PyTorch, Keras and JAX.

    python benchmarks/training.py
    python benchmarks/training.py --loops gru:32x35x256:64:104 --turns 5
    python benchmarks/training.py --baseline ../tfseq-before --jax-python ../jax/bin/python
    python benchmarks/training.py --parts check custom growth memory start profile

A loop is cell:batch×steps×units:embedding:vocabulary, trained with everything that a run does:
windows in the order of the text, the state carried from one to the next, embedding, dropout as the
default run has it, logits, cross-entropy, backward, clipping to a global norm, Adam, and the loss
read after each step. tfseq is its own trainer; `before` is tfseq of the checkout `--baseline`.
Peers run as they are and tuned: see `build` in `training_loops/*_loop.py`; they keep freed memory
then.

`check`: all of them compute the same losses. `loops`: speed, page faults, memory. `custom`: an LSTM
with one changed gate. `growth`: time against units and steps. `memory`: peak against steps.
`start`: CPU time up to the first step. `profile`: where the CPU time goes.

Each contender has a process of its own, and all take turns in one run. A ratio is that of medians;
behind it that of single turns, 10th to 90th percentile. Measure on a quiet machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from settings import setting
from training_loops import profiling
from training_loops.child import Loop
from training_loops.contenders import HERE, Contender, build_peer, peers_of, start_all, start_tfseq

LOOPS = (
    "gru:32x35x256:64:104",
    "lstm:32x35x256:64:104",
    "rnn:32x35x256:64:104",
    "lstm:64x64x512:64:104",
    "gru:32x35x256:256:5000",
)
OWN_LOOPS = ("own:32x35x256:64:104", "own:64x64x512:64:104")
CHECKED = ("gru:4x7x16:8:30", "lstm:4x7x16:8:30", "rnn:4x7x16:8:30", "own:4x7x16:8:30")
GROWTH_UNITS = (64, 128, 256, 512, 1024)
GROWTH_STEPS = (16, 64, 256, 1024, 2048)
MEMORY_STEPS = (64, 128, 256, 512, 1024, 2048)
PEERS = ("torch", "keras", "jax")


def take_turns(contenders: dict[str, Contender], turns: int, seconds: float) -> dict[str, list]:
    """What each contender answers in each of its turns, of about so many seconds."""
    steps = {}
    for name, contender in contenders.items():
        contender.train(3)
        took = contender.train(3)["seconds"] / 3
        steps[name] = int(np.clip(seconds / took, 2, 1000))
    answers = {name: [] for name in contenders}
    for turn in range(turns):
        order = list(contenders)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            contenders[name].train(1)  # Finds the caches and threads of another.
            answers[name].append(contenders[name].train(steps[name]) | {"steps": steps[name]})
    return answers


def seconds_a_step(answers: list[dict]) -> np.ndarray:
    return np.array([answer["seconds"] / answer["steps"] for answer in answers])


def compare(loop: Loop, options: argparse.Namespace) -> None:
    """Prints the table of one loop, and its row for a table of all."""
    contenders = start_all(loop, options)
    answers = take_turns(contenders, options.turns, options.seconds)
    for contender in contenders.values():
        contender.close()
    own = seconds_a_step(answers["tfseq"])
    print(f"\n{loop} (load {os.getloadavg()[0]:.2f})")
    print(
        f"  {'':14}{'tokens/s':>10}{'':22}{'time / tfseq':>14}{'':16}{'faults/token':>14} peak MB"
    )
    ratios, faults = {}, {}
    for name, values in answers.items():
        times = seconds_a_step(values)
        low, middle, high = loop.tokens / np.percentile(times, [90, 50, 10])
        low_ratio, high_ratio = np.percentile(times / own, [10, 90])
        ratios[name] = np.median(times) / np.median(own)
        tokens = sum(v["steps"] for v in values) * loop.tokens
        faults[name] = sum(v["faults"] for v in values) / tokens
        speed = f"{middle:10,.0f} ({low:,.0f} to {high:,.0f})"
        ratio = f"{ratios[name]:.2f} ({low_ratio:.2f} to {high_ratio:.2f})"
        peak = values[-1]["peak"]
        print(f"  {name:14}{speed:32}{ratio:>24}{faults[name]:14.2f}{peak:12,.0f}")
    cells = [str(loop), f"{loop.tokens / np.median(own):,.0f}"]
    if options.baseline:
        cells.append(f"{ratios['before']:.2f}")
    for peer in peers_of(loop, options):
        cells.append(f"{ratios[peer]:.2f} / {ratios[f'{peer}, tuned']:.2f}")
    cells += [f"{faults['tfseq']:.2f}", f"{answers['tfseq'][-1]['peak']:,.0f}"]
    print(f"  | {' | '.join(cells)} |", flush=True)


def measure_loops(options: argparse.Namespace) -> None:
    for loop in map(Loop.parse, options.loops):
        compare(loop, options)


def measure_custom(options: argparse.Namespace) -> None:
    for loop in map(Loop.parse, options.own_loops):
        compare(loop, options)


def check(options: argparse.Namespace) -> None:
    """Fails unless all compute the same losses from the same weights and text."""
    for loop in map(Loop.parse, CHECKED):
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/weights.npz"
            tfseq = start_tfseq()
            tfseq.build(
                loop, whose="tfseq", root=str(HERE), dropout=0, options=options.set, save=path
            )
            expected = np.array(tfseq.train(3)["losses"])
            tfseq.close()
            print(f"\n{loop}\n  {'tfseq':14}{expected}")
            for peer in peers_of(loop, options):
                for tuned in (False, True):
                    contender = build_peer(peer, options, loop, tuned, dropout=0, load=path)
                    losses = np.array(contender.train(3)["losses"])
                    contender.close()
                    print(f"  {contender.name:14}{losses}", flush=True)
                    # After an update PyTorch differs: it has Adam's epsilon elsewhere, and two
                    # biases for one.
                    if not np.all(abs(losses / expected - 1) < [1e-4, 1e-3, 1e-2]):
                        raise SystemExit(f"{contender.name} does not compute what tfseq does.")


def measure_growth(options: argparse.Namespace) -> None:
    """Prints seconds of a step against units and steps, and the slopes of their logarithms."""
    for title, loops in {
        "units": [Loop("gru", 32, 35, units, 64, 104) for units in GROWTH_UNITS],
        "steps": [Loop("gru", 32, steps, 256, 64, 104) for steps in GROWTH_STEPS],
    }.items():
        print(f"\n{title:>7}{'ms a step':>12}{'GFLOP':>9}{'GFLOP/s':>9}")
        medians = []
        for loop in loops:
            contender = start_tfseq()
            contender.build(loop, whose="tfseq", root=str(HERE), options=options.set)
            (answers,) = take_turns({"tfseq": contender}, options.turns, options.seconds).values()
            contender.close()
            medians.append(np.median(seconds_a_step(answers)))
            print(
                f"{getattr(loop, title):7,}{medians[-1] * 1e3:12.1f}{loop.operations / 1e9:9.2f}"
                f"{loop.operations / 1e9 / medians[-1]:9.1f}",
                flush=True,
            )
        sizes = np.log([getattr(loop, title) for loop in loops])
        slope = np.polyfit(sizes, np.log(medians), 1)[0]
        arithmetic = np.polyfit(sizes, np.log([loop.operations for loop in loops]), 1)[0]
        print(f"  slope {slope:.2f}, the arithmetic's {arithmetic:.2f}")


def measure_memory(options: argparse.Namespace) -> None:
    """Prints the peak memory that steps of training add, against the number of steps.

    `recomputed` is tfseq with `recompute_steps` near √steps; `time` is how long it takes, divided
    by the time of tfseq without.
    """
    names = ["tfseq", "recomputed", *(["before"] if options.baseline else []), *options.peers]
    print("\nMB added by three steps of training, LSTM, batch 32, 256 units")
    print("  steps" + "".join(f"{name:>12}" for name in names) + f"{'time':>8}")
    for steps in MEMORY_STEPS:
        loop = Loop("lstm", 32, steps, 256, 64, 104)
        recomputed = {"recompute_steps": 2 ** round(np.log2(steps) / 2)}
        added, own = [], {}
        for name in names:
            contender = start_for_memory(name, loop, options, recomputed)
            answer = contender.train(3)
            added.append(answer["peak"] - answer["peak_before"])
            if name in ("tfseq", "recomputed"):
                own[name] = contender
            else:
                contender.close()
        seconds = {
            name: np.median(seconds_a_step(answers))
            for name, answers in take_turns(own, options.turns, options.seconds).items()
        }
        for contender in own.values():
            contender.close()
        time = seconds["recomputed"] / seconds["tfseq"]
        print(f"{steps:7,}" + "".join(f"{v:12,.0f}" for v in added) + f"{time:8.2f}", flush=True)


def start_for_memory(name, loop, options, recomputed) -> Contender:
    if name not in ("tfseq", "recomputed", "before"):
        return build_peer(name, options, loop)
    root = options.baseline if name == "before" else HERE
    more = {"tfseq": {}, "recomputed": recomputed}
    settings = {"options": options.set | more[name]} if name in more else {}
    contender = start_tfseq(root, name)
    contender.build(loop, whose="tfseq", root=str(root), **settings)
    return contender


def measure_start(options: argparse.Namespace) -> None:
    profiling.measure_start(roots(options), rounds=options.turns)


def measure_profile(options: argparse.Namespace) -> None:
    loop = Loop.parse(options.loops[0])
    for name, root in roots(options).items():
        contender = start_tfseq(root, name, {"ONEDNN_JIT_PROFILE": "2"})
        more = {"options": options.set} if name == "tfseq" else {}
        pid = contender.build(loop, whose="tfseq", root=str(root), **more)["pid"]
        profiling.profile(f"{name}, {loop}", contender, pid, loop, seconds=10)
        contender.close()


def roots(options: argparse.Namespace) -> dict[str, Path]:
    """The checkouts of tfseq to measure."""
    return {"tfseq": HERE} | ({"before": options.baseline} if options.baseline else {})


PARTS = {
    "check": check,
    "loops": measure_loops,
    "custom": measure_custom,
    "growth": measure_growth,
    "memory": measure_memory,
    "start": measure_start,
    "profile": measure_profile,
}


def installed(peer: str, python: str) -> bool:
    done = subprocess.run([python, "-c", f"import {peer}"], capture_output=True)
    if done.returncode:
        print(f"{peer} cannot be imported by {python}, and is left out.")
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["check", "loops"])
    parser.add_argument("--loops", nargs="+", default=LOOPS)
    parser.add_argument("--own-loops", nargs="+", default=OWN_LOOPS, help="those of `custom`")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--baseline", type=Path, help="a checkout of tfseq to measure too")
    parser.add_argument("--jax-python", default=sys.executable, help="an interpreter with JAX")
    parser.add_argument(
        "--set", nargs="+", type=setting, default=[], metavar="OPTION=VALUE",
        help="more options of tfseq's run",
    )  # fmt: skip
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn, about")
    options = parser.parse_args()
    options.set = dict(options.set)
    options.baseline = options.baseline and options.baseline.resolve()
    options.pythons = dict.fromkeys(PEERS, sys.executable) | {"jax": options.jax_python}
    options.peers = [peer for peer in options.peers if installed(peer, options.pythons[peer])]
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"{cores} cores, load {load:.2f}, {options.turns} turns")
    for part in options.parts:
        PARTS[part](options)


if __name__ == "__main__":
    main()
