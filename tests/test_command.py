"""The command `tfseq`: from a checkout, and from an installed wheel without the repository."""

import ast
import json
import shlex
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import tensorflow as tf

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.stem for path in (ROOT / "pipelines").glob("[a-z]*.py"))


def tfseq_command(*arguments: str) -> subprocess.CompletedProcess:
    """Run the command as a checkout has it without being installed."""
    return subprocess.run(
        [sys.executable, str(ROOT / "pipelines"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_lists_every_script_by_what_it_says_of_itself():
    done = tfseq_command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    usage, *lines = done.stdout.splitlines()
    assert usage == "usage: tfseq COMMAND [OPTIONS]"
    assert "  train-tagger           Train a tagger" in lines
    listed = [line.split(maxsplit=1) for line in lines if line.startswith("  ")]
    assert len(listed) == len(SCRIPTS)
    for name, summary in listed:
        (script,) = [s for s in SCRIPTS if s.replace("_", "-").startswith(name)]
        source = (ROOT / "pipelines" / f"{script}.py").read_text()
        assert ast.get_docstring(ast.parse(source)).startswith(summary)


@pytest.mark.everyday(4)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_command_is_its_script(script):
    """The whole name is understood too, and the options are the script's."""
    path = ROOT / "pipelines" / f"{script}.py"
    by_path = subprocess.run(
        [sys.executable, str(path), "--help"], capture_output=True, text=True, timeout=60
    )
    name = script.replace("_", "-")
    done = tfseq_command(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: tfseq {name} [-h]")
    assert done.stdout.split("\n\n", 1)[1] == by_path.stdout.split("\n\n", 1)[1]


def test_a_short_name():
    done = tfseq_command("export", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: tfseq export [-h]")
    assert "--keep-versions" in done.stdout


def test_what_a_command_is_for_comes_first():
    told = tfseq_command("generate", "--help").stdout
    places = [told.index(name) for name in ("--run-dir", "--prompts", "--seed", "--part-rows")]
    assert places == sorted(places)
    assert told.index("--part-rows") < told.index("--cluster")


def test_version():
    done = tfseq_command("--version")
    assert (done.returncode, done.stdout) == (0, "tfseq 0.1.0\n")


def test_a_closed_pipe_ends_it_in_silence():
    """As in `tfseq --help | true`."""
    command = [sys.executable, "-m", "pipelines", "--help"]
    shell = f"{shlex.join(command)}; echo $? >&2"
    done = subprocess.run(
        ["/bin/sh", "-c", f"( sleep 0.5; {shell} ) | true"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.stderr == "141\n"


def test_no_command():
    done = tfseq_command()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == tfseq_command("--help").stdout


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("exprt", "Did you mean export?"),
        ("generate-txt", "Did you mean generate-text?"),
        (
            "train",
            "Did you mean train-language-model or train-text-classifier or train-tagger?",
        ),
        ("egg", "`tfseq --help` lists them."),
        ("--run-dir=runs/a", "`tfseq --help` lists them."),
    ],
)
def test_an_unknown_command(name, hint):
    done = tfseq_command(name, "--units=3")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: There is no command `{name}`. {hint}\n"


def test_codes_are_the_scripts():
    done = tfseq_command("inspect", "no/such/place")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert tfseq_command("export", "--egg").returncode == 2


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from the source distribution, as `python -m build` does it."""
    source, dist = (tmp_path_factory.mktemp(name) for name in ("source", "dist"))
    for path in filter(Path.is_file, ROOT.iterdir()):
        shutil.copy(path, source)
    for name in ("tfseq", "pipelines", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(dist), str(source)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.suffix for path in dist.iterdir()) == [".gz", ".whl"]
    return next(dist.glob("*.whl"))


@pytest.mark.slow
def test_what_a_wheel_holds(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tfseq").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    scripts = {f"tfseq_pipelines/{script}.py" for script in [*SCRIPTS, "__init__", "__main__"]}
    assert "tfseq/py.typed" in modules
    assert names == modules | scripts


ANSWER = """
import json, sys
import numpy as np
import tfseq, tfseq_pipelines
from tfseq.serving.loader.loader_process import LoaderProcess

with LoaderProcess() as loader:
    signatures = loader.load("exported/mine/1")
    answer = loader.run(
        "exported/mine/1",
        "generate",
        prompt=np.array([b"the "], object),
        max_new_tokens=np.array([12], "int32"),
        temperature=np.array([0.0], "float32"),
        top_k=np.array([0], "int32"),
        top_p=np.array([1.0], "float32"),
        seed=np.array([0], "int64"),
    )
files = [tfseq.__file__, tfseq_pipelines.__file__]
print(json.dumps({"text": answer["text"][0].decode(), "files": files}))
"""


@pytest.mark.slow
def test_an_installed_wheel_needs_no_repository(wheel, tmp_path):
    """In a new environment, an empty directory and with an empty home: trained, exported, asked.
    The cell is one of the person's own, in the current directory.

    The environment is given the TensorFlow of this one by its path, not a download of its own.
    """
    home, place, environment = (tmp_path / name for name in ("home", "place", "environment"))
    home.mkdir()
    place.mkdir()
    venv.create(environment, with_pip=True)
    programs = environment / "bin"
    settings = {"HOME": str(home), "PATH": f"{programs}:/usr/bin:/bin"}

    def run(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(programs / program), *arguments],
            cwd=place,
            env=settings,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "tensorflow_of_the_tests.pth").write_text(f"{Path(tf.__file__).parents[1]}\n")

    (place / "my_cells.py").write_text(
        "import tfseq\n\n\nclass OwnCell(tfseq.GRUCell):\n    pass\n"
    )
    (place / "mine.txt").write_text("the time machine and the time of the year\n" * 60)
    run(
        "tfseq",
        *("train-language-model", "--corpus=mine.txt", "--run-dir=runs/mine", "--epochs=2"),
        *("--cell=my_cells:OwnCell", "--units=16", "--batch-size=4", "--num-steps=8"),
        *("--sample-epochs=0", "--no-export"),
    )
    metrics = json.loads((place / "runs/mine/metrics.json").read_text())
    assert 1 < metrics["validation_perplexity"] < metrics["vocabulary_size"]
    evaluation = run("tfseq", "evaluate", "--run-dir=runs/mine")
    assert f"{metrics['validation_perplexity']:.2f}" in evaluation
    run("tfseq", "export", "--run-dir=runs/mine")
    assert "No problem found." in run("tfseq", "inspect", "exported/mine/1")
    options = ("--prompt=the ", "--max-new-tokens=12", "--temperature=0")
    text = run("tfseq", "generate", "--run-dir=runs/mine", *options)
    answer = json.loads(run("python", "-c", ANSWER))
    assert answer["text"] == text.removesuffix("\n")
    assert len(answer["text"]) == len("the ") + 12
    assert all(Path(file).is_relative_to(site) for file in answer["files"])
