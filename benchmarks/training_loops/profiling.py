"""Where the CPU time of training goes: up to the first step, and in the steps."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

from training_loops.child import Loop
from training_loops.contenders import Contender, paths

STAGES = ("import", "corpus", "model", "tracing, XLA", "first step", "all")
KERNEL = "([kernel"
# The first that matches the names of a sample has it.
SHARES = {
    "page faults": r"page_fault|handle_mm_fault|clear_page|do_anonymous",
    "thread pool and scheduling": (
        r"futex|schedule|task_switch|finish_task|pthread_(mutex|cond)|lll_lock|nsync|sched_yield"
        r"|ThreadPoolTempl|RunQueue|EventCount|BlockingCounter|ThunkExecutor|ExecutorState"
        r"|PropagatorState|cpu10AsyncValue|AsyncValue"
    ),
    "kernel": re.escape(KERNEL),
    "matrix products": (
        r"gemm|gebp|gebb|dot_fp|dot_bf|TensorContraction|gemv|brgemm|inner_product|_copy_[ab]n?_"
        r"|_copy_[ab][nt]_kern|ynn\w*pack|EigenMatMul"
    ),
    "random numbers": r"[Pp]hilox|[Rr]andom|[Tt]hree[Ff]ry",
    "copies": r"memcpy|memmove|memset|[Tt]ranspose|reorder|[Cc]oncat|StridedSlice|\d+SliceO",
    "allocation": r"malloc|memalign|cfree|_int_free|operator new|operator delete|_Zn[wa]|_Zd[la]",
    "XLA's code": r"\[unknown\] \((\[JIT\]|/tmp/perf-|//anon|\[anon|\[unknown)",
    "Python": r"libpython|bin/python|\.cpython-",
    "optimizer, loss and other operations": r"Eigen|tensorflow\d*functor",
    "the rest of TensorFlow": r"libtensorflow",
    "the rest": r"",
}


def measure_start(roots: dict[str, Path], rounds: int) -> None:
    """Prints CPU seconds from the start of a process to the end of the first step.

    The default run of `train_language_model.py`; the first round finds no corpus in the cache.
    """
    print("\nCPU seconds to the end of the first step of the default run")
    print(f"  {'':22}" + "".join(f"{stage:>14}" for stage in (*STAGES, "wall, all")))
    with contextlib.ExitStack() as stack:
        caches = {name: stack.enter_context(tempfile.TemporaryDirectory()) for name in roots}
        for turn in range(rounds):
            for name, root in roots.items():
                environment = os.environ | paths(root) | {"TFSEQ_CACHE": caches[name]}
                start = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, __file__], env=environment, stdout=subprocess.PIPE, check=True
                )
                wall = time.perf_counter() - start
                spent = json.loads(done.stdout.splitlines()[-1])
                seconds = "".join(f"{value:14.2f}" for value in (*spent.values(), wall))
                print(
                    f"  {name + (', nothing cached' if turn == 0 else ''):22}{seconds}", flush=True
                )


def start() -> dict[str, float]:
    """CPU seconds that each stage has taken in this process, which has just begun."""
    from tfseq.options.command_line import import_tensorflow
    from tfseq.options.freed_memory import keep_freed_memory
    from tfseq.options.run_options import parse_run_options
    from tfseq.tasks.language_model.options import LanguageModelOptions

    with tempfile.TemporaryDirectory() as directory:
        given = ["--run-dir", f"{directory}/run", "--export-dir", f"{directory}/exported"]
        options = parse_run_options(LanguageModelOptions, given)
        keep_freed_memory()
        import_tensorflow()
        from tfseq.tasks.language_model import texts, training

        marks = [0.0, time.process_time()]
        encode, corpus = texts.encode_corpus, []

        def encode_and_time(*arguments, **options):
            begun = time.process_time()
            encoded = encode(*arguments, **options)
            corpus.append(time.process_time() - begun)
            return encoded

        texts.encode_corpus = encode_and_time
        run = training.prepare(options, log=lambda line: None).run
        marks.append(time.process_time())
        steps = run.trainer.train_epoch()
        for _ in range(2):
            next(steps)
            marks.append(time.process_time())
        imported, prepared, first, second = (b - a for a, b in pairwise(marks))
        parts = (imported, corpus[0], prepared - corpus[0], first - second, second, marks[3])
        return dict(zip(STAGES, parts, strict=True))


def profile(title: str, contender: Contender, pid: int, loop: Loop, seconds: float) -> None:
    """Prints shares of the CPU time of a process that trains, as `perf` samples it.

    oneDNN must have been told to name the code that it makes: `ONEDNN_JIT_PROFILE=2`.
    """
    took = contender.train(20)["seconds"] / 20
    with tempfile.TemporaryDirectory() as directory, contextlib.suppress(FileNotFoundError):
        data = f"{directory}/perf.data"
        perf = start_perf(pid, data)
        answer = contender.train(max(int(seconds / took), 5))
        cores = len(os.sched_getaffinity(0))
        cpu = answer["user"] + answer["system"]
        print(
            f"\n{title}: {loop.tokens * len(answer['losses']) / answer['seconds']:,.0f} tokens/s, "
            f"{1 - cpu / answer['seconds'] / cores:.0%} of {cores} cores idle or lent to others, "
            f"{answer['system'] / cpu:.0%} of the CPU time in the kernel"
        )
        if perf is None:
            print("  There are no shares: perf is missing, or may not sample this process.")
            return
        perf.send_signal(signal.SIGINT)
        perf.wait()
        shares, rest = count_samples(data)
        os.remove(f"/tmp/perf-{pid}.map")
    for name in SHARES:
        print(f"  {name:38}{shares[name] / shares.total():7.1%}")
    for name, number in rest.most_common(5):
        print(f"      of the rest: {number / shares.total():5.1%} {name[:90]}")
    sys.stdout.flush()


def start_perf(pid: int, data: str) -> subprocess.Popen | None:
    """`perf` that samples a process, with the kernel or without; None if it does not."""
    perf = shutil.which("perf")
    for event in ("task-clock", "task-clock:u") if perf else ():
        command = [perf, "record", "-q", "-e", event, "-F", "997", "--call-graph", "fp"]
        process = subprocess.Popen(
            [*command, "-p", str(pid), "-o", data],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            return process
    return None


def count_samples(data: str) -> tuple[Counter, Counter]:
    """Samples of each share, and the names of those that have none."""
    script = subprocess.run(
        ["perf", "script", "--no-demangle", "-F", "ip,sym,dso", "-i", data],
        capture_output=True,
        text=True,
        check=True,
    )
    shares, rest = Counter(), Counter()
    for sample in filter(str.strip, script.stdout.split("\n\n")):
        innermost, *callers = sample.strip().splitlines()
        # The kernel's functions say little without their callers; those of a user say enough.
        in_kernel = [frame for frame in callers if KERNEL in frame] if KERNEL in innermost else []
        names = "\n".join([innermost, *in_kernel])
        share = next(name for name, pattern in SHARES.items() if re.search(pattern, names))
        shares[share] += 1
        if share == "the rest":
            rest[innermost.split(maxsplit=1)[-1]] += 1
    return shares, rest


if __name__ == "__main__":
    print(json.dumps(start()))
