"""How scripts end: exit codes, and what stands on standard error, mostly of a child process."""

import contextlib
import dataclasses
import io
import os
import subprocess
import sys
import textwrap

import pytest

from tfseq.errors import InputError
from tfseq.options.command_line import run


def run_script(parse="return 3", main="pass"):
    """Run a script by the bodies of its two functions."""
    lines = [
        "import sys",
        "from tfseq.options.command_line import run",
        "from tfseq.errors import InputError",
        "Options = object",
        "def parse():",
        textwrap.indent(textwrap.dedent(parse), "    "),
        "def main(options: Options):",
        textwrap.indent(textwrap.dedent(main), "    "),
        "run(Options, main, parse)",
    ]
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120
    )


def test_the_job_is_done_with_tensorflow_loaded_in_silence():
    done = run_script(
        parse="print('tensorflow' in sys.modules)\nreturn 3",
        main="""
            print(options, 'tensorflow_text' in sys.modules, 'matplotlib' in sys.modules)
            import matplotlib.figure
            print(matplotlib.figure.Figure.__name__)
        """,
    )
    assert done.returncode == 0
    assert done.stdout == "False\n3 True False\nFigure\n"
    assert done.stderr == ""


def raising(error):
    """A function that raises it, whatever it is given."""

    def fail(*arguments):
        raise error

    return fail


def ends_here(parse, main, options_type=object):
    """The exit code and standard error, in this process, where TensorFlow is loaded already."""
    with (
        contextlib.redirect_stderr(io.StringIO()) as err,
        pytest.raises(SystemExit) as end,
    ):
        run(options_type, main, parse)
    return end.value.code, err.getvalue()


def test_bad_input_is_a_message_and_code_2():
    ends = ends_here(object, raising(InputError("`--a` is wrong.\n`--b` too.")))
    assert ends == (2, "error: `--a` is wrong.\nerror: `--b` too.\n")


def test_messages_name_the_options():
    """Wherever they come from; words that are no field of the options stay as they are."""
    options_type = dataclasses.make_dataclass("Options", ["run_dir"])
    fault = raising(InputError("`run_dir` x, `units` and run_dir."))
    for parse, main in ((fault, print), (lambda: options_type(1), fault)):
        ends = ends_here(parse, main, options_type)
        assert ends == (2, "error: `--run-dir` x, `units` and run_dir.\n")


def test_wrong_options_are_answered_before_tensorflow_is_loaded():
    done = run_script(
        parse="""
            import atexit
            atexit.register(lambda: print("tensorflow" in sys.modules))
            raise InputError("no such egg")
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "False\n", "error: no such egg\n")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise KeyboardInterrupt", 130, "interrupted\n"),
        ("raise SystemExit(5)", 5, ""),
        ("raise BrokenPipeError", 141, ""),
    ],
)
def test_other_ends(body, code, message):
    done = run_script(parse=body)
    assert (done.returncode, done.stderr) == (code, message)


def test_a_fault_of_ours_keeps_its_traceback():
    done = run_script(parse="raise ValueError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("ValueError: a bug\n")


def test_a_closed_pipe():
    """As in `script | head -1`: no traceback, and the code of a process that SIGPIPE has ended."""
    script = "from tfseq.options.command_line import run\n"
    script += "def parse():\n    for i in range(10**6):\n        print(i)\n"
    script += "run(object, print, parse)\n"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "0\n"
        child.stdout.close()
        assert child.stderr.read() == ""
        assert child.wait(timeout=120) == 141


def test_a_directory_that_has_been_removed(tmp_path):
    """The shell is in it still; nothing can be found from there."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import os\nos.chdir({str(gone)!r})\nos.rmdir({str(gone)!r})\n"
    script += (
        "from tfseq.options.command_line import run\nrun(object, print, lambda: print('parsed'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: The current directory cannot be used: No such file or directory. It may have been "
        "removed. Change to another directory.\n"
    )


@pytest.mark.parametrize("shell", ["> /dev/full", ">&-"])
def test_output_that_cannot_be_written(shell):
    """A full disk below standard output is one line; a closed one is nothing."""
    if "full" in shell and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    script = "from tfseq.options.command_line import run\nimport sys\n"
    script += "def parse():\n    for i in range(9999):\n        print(i)\n    sys.stdout.isatty()\n"
    script += "    raise SystemExit(5)\nrun(object, print, parse)"
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -c "$1" {shell}', sys.executable, script],
        capture_output=True,
        text=True,
        timeout=120,
    )
    full = "error: standard output cannot be written: No space left on device. "
    full += "Free some space there, then try again.\n"
    assert (done.returncode, done.stderr) == ((2, full) if "full" in shell else (5, ""))


def test_a_full_disk_with_more_to_say():
    error = OSError(28, "No space left on device", "egg")
    error.add_note("Nothing was kept.")
    assert ends_here(object, raising(error)) == (
        2,
        "error: egg cannot be written: No space left on device. Free some space there, then try "
        "again. Nothing was kept.\n",
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_cannot_show_is_a_question_mark(encoding):
    """Also where what is shown was no text to begin with."""
    script = "from tfseq.options.command_line import run\nfrom tfseq.errors import InputError\n"
    script += "def parse():\n    print('caf\\xe9 \\u732b')\n    raise InputError('caf\\udce9')\n"
    script += "run(object, print, parse)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        timeout=120,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    shown = {"ascii": b"caf? ?\n", "latin-1": b"caf\xe9 ?\n", "utf-8": "café 猫\n".encode()}
    assert (done.returncode, done.stdout) == (2, shown[encoding])
    assert done.stderr == b"error: caf?\n"
