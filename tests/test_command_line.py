"""How scripts end: exit codes, and what stands on standard error. Each in a child process."""

import subprocess
import sys
import textwrap

import pytest


def run_script(body, **kwargs):
    """Run a script whose `main(options)` is `body`."""
    script = "import sys\nfrom tfseq.command_line import run\nfrom tfseq.errors import InputError\n"
    script += "def parse():\n    print('parsed', 'tensorflow' in sys.modules)\n    return 3\n"
    script += "def main(options):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    script += "\nrun(parse, main)\n"
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, **kwargs
    )


def test_the_job_is_done_with_tensorflow_loaded_in_silence():
    done = run_script("print(options, 'tensorflow_text' in sys.modules)")
    assert done.returncode == 0
    assert done.stdout == "parsed False\n3 True\n"
    assert done.stderr == ""


def test_bad_input_is_a_message_and_code_2():
    done = run_script("raise InputError('`--a` is wrong.\\n`--b` too.')")
    assert done.returncode == 2
    assert done.stderr == "error: `--a` is wrong.\nerror: `--b` too.\n"


def test_wrong_options_are_answered_before_tensorflow_is_loaded():
    script = """
        import sys
        from tfseq.command_line import run
        from tfseq.errors import InputError
        def parse():
            raise InputError("no such egg")
        try:
            run(parse, print)
        finally:
            print("tensorflow" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "False\n", "error: no such egg\n")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise KeyboardInterrupt", 130, "interrupted\n"),
        ("raise SystemExit(5)", 5, ""),
    ],
)
def test_other_ends(body, code, message):
    done = run_script(body)
    assert (done.returncode, done.stderr) == (code, message)


def test_a_fault_of_ours_keeps_its_traceback():
    done = run_script("raise ValueError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("ValueError: a bug\n")


def test_a_closed_pipe():
    """As in `script | head -1`: no traceback, and the code of a process that SIGPIPE has ended."""
    script = "from tfseq.command_line import run\n"
    script += "def main(_):\n    for i in range(10**6):\n        print(i)\n"
    script += "run(lambda: None, main)\n"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "0\n"
        child.stdout.close()
        assert child.stderr.read() == ""
        assert child.wait(timeout=120) == 141
