"""Prints how far `tfseq.RNN` is from `keras.layers.RNN`: cells × loops × worst difference.

    python tests/layers/beside_keras/cell_table.py [--cells TEXT …] [--settings N] [--verbose]
                                                   [--loops eager graph compiled fit]

The differences are relative to the largest value of Keras; they count the outputs, the states, all
gradients, the variables and a call afterwards. "2/9 FAIL": in two of nine settings, the difference
is more than the cell is allowed, or an error came where Keras gives a result. Below the row stands
what failed, and what Keras refuses. Ends with exit code 1 if anything failed.
"""

import argparse
import os
import re
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import absl.logging
from both_layers import compare
from cell_settings import covering_settings, for_case
from published_cells import CASES

LOOPS = ("eager", "graph", "compiled", "fit")


def entry(comparisons):
    """What the table says of `comparisons`, those of one cell and one column."""
    if not comparisons:
        return ""
    if not all(c.same for c in comparisons):
        return f"{sum(not c.same for c in comparisons)}/{len(comparisons)} FAIL"
    compared = [c.worst for c in comparisons if not c.refusals]
    return f"{max(compared):.0e}" if compared else "refused"


def print_cell(name, comparisons, columns):
    ran = {}
    for c in comparisons:
        if c.setting.loop != "eager" and c.loop:
            loop = " ".join(c.loop.split())[:70]
            ran[loop] = ran.get(loop, 0) + 1
    ran = "; ".join(f"{loop} {n}×" for loop, n in ran.items())
    entries = [
        f"{entry([c for c in comparisons if c.setting.loop == loop]):>11}" for loop in columns
    ]
    print(f"{name:<34}", *entries, " ", ran, flush=True)


def print_grouped(title, comparisons, every_setting):
    """One entry for all settings in which a cell failed, or was refused, in the same way."""
    groups = {}
    for c in comparisons:
        # Names in graphs and sizes are numbered, and differ between settings.
        message = re.sub(r"\d+", "N", str(c))[:100] if c.refusals else ""
        groups.setdefault(message, []).append(c)
    for alike in groups.values():
        print(f"    {title}: {max(alike, key=lambda c: c.worst)}")
        for c in alike if every_setting else alike[:1]:
            print(f"        in {c.setting}")
        if len(alike) > 1 and not every_setting:
            print(f"        and in {len(alike) - 1} further settings")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", nargs="*", default=[], help="those whose name holds a TEXT")
    parser.add_argument("--loops", nargs="*", default=LOOPS, choices=LOOPS)
    parser.add_argument("--settings", type=int, help="of each loop, N settings; all by default")
    parser.add_argument("--verbose", action="store_true", help="print every run")
    options = parser.parse_args()
    absl.logging.set_verbosity("error")
    warnings.simplefilter("ignore")

    settings = []
    for loop in options.loops:
        settings += [s for s in covering_settings() if s.loop == loop][: options.settings]
    names = [n for n in CASES if not options.cells or any(text in n for text in options.cells)]
    print(f"{len(names)} cells in {len(settings)} settings\n")
    print(f"{'cell':<34}", *(f"{loop:>11}" for loop in options.loops), "  loops of tfseq.RNN")
    start, comparisons = time.perf_counter(), []
    for name in names:
        of_cell = []
        for setting in dict.fromkeys(for_case(s, CASES[name]) for s in settings):
            of_cell.append(compare(CASES[name], setting))
            if options.verbose:
                print(f"  {setting}\n    {of_cell[-1]}")
        print_cell(name, of_cell, options.loops)
        print_grouped("failed", [c for c in of_cell if not c.same], options.verbose)
        print_grouped("refused", [c for c in of_cell if "keras" in c.refusals], options.verbose)
        comparisons += of_cell

    failed = sum(not c.same for c in comparisons)
    refused = sum("keras" in c.refusals for c in comparisons)
    same = [c.worst for c in comparisons if c.same and not c.refusals]
    print(f"\n{len(comparisons)} runs in {time.perf_counter() - start:.0f} s: {len(same)} gave the")
    print(
        f"same, the worst to {max(same, default=0):.1e}; {failed} failed; Keras refused {refused}."
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
