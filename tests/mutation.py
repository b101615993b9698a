"""Puts the faults of `faults.toml` into a copy of the library, and says which the tests catch.

    python tests/mutation.py                   # all of them: an hour or more
    python tests/mutation.py serving/ text/    # those in files whose path holds one of these

The checkout is not touched. A fault counts as caught where a test fails that passes without it:
those that failed are run again at the end. It does not where the tests pass, where they do not end
in time, where they end in another way than by a failed test, or where its text is no longer found
once in the library: that fault is to be replaced. Tests marked slow run where the others pass.
"""

import argparse
import importlib.util
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CAUGHT, THROUGH = "caught", "LET THROUGH"
# Exit codes of pytest: all tests passed, or there were none; one failed.
ENDS = {0: THROUGH, 5: THROUGH, 1: CAUGHT}
# What runs first, and what runs if that passes: expressions of marks.
TURNS = ("not slow", "slow")


class FirstFailure:
    """A pytest plugin that sends the name of the first test that fails."""

    def __init__(self, connection):
        self._connection = connection

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self._connection.send(report.nodeid.removeprefix("tests/"))


def run_pytest(tree: str, tests: list[str], which: str, log: str, connection) -> None:
    """In a process of its own: run tests of the copy, and end with pytest's exit code."""
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(tree)
    os.environ |= {"PYTHONPATH": tree, "PYTHONDONTWRITEBYTECODE": "1"}
    # Python would not see that a file has changed twice within a second.
    sys.dont_write_bytecode = True
    sys.path[:] = [tree, *(p for p in sys.path if not Path(p).resolve().is_relative_to(ROOT))]
    if not importlib.util.find_spec("tfseq").origin.startswith(tree):
        sys.exit("It is not the copy that would be tested.")
    import pytest

    options = ["-x", "-n0", "-q", "-pno:cacheprovider", f"-m{which}"]
    sys.exit(int(pytest.main([*options, *tests], plugins=[FirstFailure(connection)])))


def outcome(tree: Path, tests: list[str], seconds: float, which: str = "") -> tuple[str, str]:
    """What became of a run of tests, and the first of them that failed."""
    # TensorFlow is loaded once, in the process that all others are forked from.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras"])
    receiver, sender = context.Pipe(duplex=False)
    shutil.rmtree(tree / ".hypothesis", ignore_errors=True)
    paths = [f"tests/{test}" for test in tests]
    log = str(tree.with_name("pytest.log"))
    process = context.Process(target=run_pytest, args=(str(tree), paths, which, log, sender))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return f"not ended in {seconds:.0f} s", ""
    first = receiver.recv() if receiver.poll() else ""
    if end := ENDS.get(process.exitcode):
        return end, first
    last = Path(log).read_text(errors="replace").strip().splitlines()[-1:]
    return f"ended with {process.exitcode}: {' '.join(last)}", first


def try_fault(tree: Path, fault: dict, seconds: float) -> tuple[str, str]:
    """Put a fault in, run its tests, and take it out."""
    file = tree / "tfseq" / fault["file"]
    right = file.read_text(encoding="utf-8") if file.is_file() else ""
    if right.count(fault["old"]) != 1:
        return f"not applicable: its text is found {right.count(fault['old'])} times", ""
    file.write_text(right.replace(fault["old"], fault["new"]), encoding="utf-8")
    try:
        for which in TURNS:
            end, first = outcome(tree, fault["tests"], seconds, which)
            if end != THROUGH:
                break
        return end, first
    finally:
        file.write_text(right, encoding="utf-8")


def left_out(directory: str, names: list[str]) -> set[str]:
    """What the copy does not need: among others runs in the checkout, which are no code."""
    needless = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "venv")(directory, names)
    return needless | ({"runs"} & {*names} if Path(directory) == ROOT else set())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="parts of paths below tfseq/; left out, all")
    parser.add_argument("--seconds", type=float, default=300, help="for the tests of one fault")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    groups = tomllib.loads((ROOT / "tests" / "faults.toml").read_text(encoding="utf-8"))
    for name, faults in groups.items():
        wanted = [f for f in faults if any(part in f["file"] for part in options.files or [""])]
        groups[name] = wanted
    with tempfile.TemporaryDirectory(prefix="tfseq-mutation-") as place:
        tree = Path(place, "tree")
        os.environ["TFSEQ_CACHE"] = str(Path(place, "cache"))
        shutil.copytree(ROOT, tree, ignore=left_out)
        failed = set()
        for name, faults in groups.items():
            ends = []
            for number, fault in enumerate(faults, start=1):
                started = time.monotonic()
                end, first = try_fault(tree, fault, options.seconds)
                ends.append(end)
                failed |= {first} - {""}
                what = " ".join(fault["new"].split()) or "nothing"
                print(f"{name} {number:3} {fault['file']}: {what}")
                seconds = time.monotonic() - started
                print(f"    {end} {f'by {first} ' if first else ''}({seconds:.0f} s)", flush=True)
            print(f"{name}: {ends.count(CAUGHT)} of {len(faults)} caught\n", flush=True)
        end, first = (
            outcome(tree, sorted(failed), 20 * options.seconds) if failed else (THROUGH, "")
        )
    if end != THROUGH:
        sys.exit(f"Without any fault these tests must pass. Received: {end} {first}")


if __name__ == "__main__":
    main()
