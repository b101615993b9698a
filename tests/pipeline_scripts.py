"""Runs the scripts of `pipelines/` with options, as a command line would."""

import contextlib
import io
import runpy
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

PIPELINES = Path(__file__).parents[1] / "pipelines"


SMALL = "--batch-size=4 --num-steps=16 --units=24 --learning-rate=0.02 --sample-epochs=0".split()


def snapshot(directory: Path) -> dict[str, bytes | None]:
    """The contents of all files in a directory, and None for directories."""
    return {
        str(p.relative_to(directory)): p.read_bytes() if p.is_file() else None
        for p in sorted(directory.rglob("*"))
    }


class Done(NamedTuple):
    """How a script ended."""

    returncode: int
    stdout: str
    stderr: str


def command(name: str, *arguments) -> list[str]:
    return [sys.executable, str(PIPELINES / f"{name}.py"), *map(str, arguments)]


def script(name: str, *arguments, cwd: Path, expected: int = 0) -> Done:
    """Run a script in this process, where TensorFlow is loaded already.

    Everything but what a new process has of its own is as in `script_in_a_process`: the file is
    run anew as `__main__`, reads its options from `sys.argv`, prints, and ends with a code.
    """
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", command(name, *arguments)[1:]),
    ):
        try:
            runpy.run_path(str(PIPELINES / f"{name}.py"), run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
    done = Done(code, out.getvalue(), err.getvalue())
    assert done.returncode == expected, done.stdout + done.stderr
    return done


def script_in_a_process(name: str, *arguments, cwd: Path, expected: int = 0) -> Done:
    """Run a script as a person does."""
    child = subprocess.run(
        command(name, *arguments), cwd=cwd, capture_output=True, text=True, timeout=300
    )
    done = Done(child.returncode, child.stdout, child.stderr)
    assert done.returncode == expected, done.stdout + done.stderr
    return done
