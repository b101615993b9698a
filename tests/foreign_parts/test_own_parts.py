"""A project with a cell, a tokenizer and an optimizer of its own.

Trained by the scripts, killed and resumed, measured, exported; and what is said where its module is
missing.
"""

import csv
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pipeline_scripts import command, script

import tfseq
from tfseq.errors import InputError
from tfseq.serving.loader.loader_process import LoaderProcess

# A run is trained first.
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PARTS = ["--cell=project_parts:LeakyCell", "--tokenizer=project_parts:Syllables"]
PARTS += ["--optimizer=project_parts:SignMomentum"]
OPTIONS = [
    *PARTS,
    *"--units=8 --batch-size=4 --num-steps=12 --epochs=2 --learning-rate=0.003".split(),
    *"--sample-epochs=0 --no-baseline --no-export --verbose=quiet".split(),
]
PROMPTS = ["the time ", "unbe"]


def run(name, *arguments, cwd, expected=0):
    """A script in a process of its own, whose current directory alone leads to the parts."""
    done = subprocess.run(
        command(name, *arguments), cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout if expected == 0 else done.stderr


def history(run_dir):
    with open(run_dir / "history.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A directory with the parts, a text, and a run that nothing happened to."""
    place = tmp_path_factory.mktemp("project")
    shutil.copy(HERE / "project_parts.py", place)
    chance = np.random.default_rng(5)
    words = "time machine traveller of unbearable lightness was light\n dark year age said".split(
        " "
    )
    (place / "text.txt").write_text(" ".join(chance.choice(words, 400)) + "\n")
    run("train_language_model", *OPTIONS, "--corpus=text.txt", "--run-dir=runs/whole", cwd=place)
    return place


@pytest.fixture
def parts(project, monkeypatch):
    """The module of the project, imported; afterwards it is gone again."""
    monkeypatch.syspath_prepend(str(project))
    import project_parts

    yield project_parts
    sys.modules.pop("project_parts", None)


def test_names_are_what_is_saved(project):
    config = (project / "runs" / "whole" / "config.json").read_text()
    for name in (
        "project_parts:LeakyCell",
        "project_parts:Syllables",
        "project_parts:SignMomentum",
    ):
        assert f'"{name}"' in config


def test_killed_and_resumed_to_the_same_bits(project):
    arguments = [*OPTIONS, "--corpus=text.txt", "--run-dir=runs/killed"]
    checkpoints = project / "runs" / "killed" / "checkpoints"
    with subprocess.Popen(
        command("train_language_model", *arguments, "--checkpoint-seconds=0"),
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        deadline = time.monotonic() + 240
        while child.poll() is None and len(list(checkpoints.glob("step-*.npz"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    run("train_language_model", "--resume", "--run-dir=runs/killed", cwd=project)
    rows = []
    for name in ("whole", "killed"):
        with open(project / "runs" / name / "history.csv", newline="") as file:
            rows.append(
                [{k: v for k, v in r.items() if k != "seconds"} for r in csv.DictReader(file)]
            )
    assert rows[0] == rows[1]
    files = [(project / "runs" / n / "model.weights.h5").read_bytes() for n in ("whole", "killed")]
    assert files[0] == files[1]


def test_evaluated_by_the_script_as_in_python(project, parts):
    task = tfseq.load(project / "runs" / "whole")
    assert isinstance(task.model.stack.rnns[0].cell, parts.LeakyCell)
    perplexity = task.metrics["validation_perplexity"]
    assert task.evaluate()["perplexity"] == pytest.approx(perplexity, rel=1e-5)
    done = script("evaluate_model", "--run-dir=runs/whole", cwd=project)
    assert f"perplexity  {perplexity:.4f} per token" in done.stdout


def test_the_script_writes_what_python_writes(project, parts):
    task = tfseq.load(project / "runs" / "whole")
    words = ["--run-dir=runs/whole", "--prompt=the ", "--max-new-tokens=9", "--temperature=0.5"]
    text = task.generate("the ", 9, temperature=0.5).text
    assert run("generate_text", *words, cwd=project) == text + "\n"


def test_the_export_answers_where_the_module_is_absent(project, parts, tmp_path, monkeypatch):
    task = tfseq.load(project / "runs" / "whole")
    path = task.export(tmp_path / "mine")
    expected = task.generate(PROMPTS, 7, temperature=0.8, seed=[3, 4])
    scores = task.score(PROMPTS)
    prompts = np.array(PROMPTS, object)
    rows = {"temperature": np.float32([0.8] * 2), "top_k": np.int32([0] * 2)}
    rows |= {"top_p": np.float32([1.0] * 2), "seed": np.int64([3, 4])}
    # The loader is C++ with no path to the project.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with LoaderProcess() as loader:
        loader.load(path)
        rows |= {"prompt": prompts, "max_new_tokens": np.int32([7] * 2)}
        answer = loader.run(path, "generate", **rows)
        scored = loader.run(path, "score", text=prompts)
    assert [text.decode() for text in answer["text"]] == [e.text for e in expected]
    np.testing.assert_allclose(
        answer["log_probability"], [e.log_probability for e in expected], rtol=1e-5
    )
    np.testing.assert_allclose(
        scored["log_probability"], [s.log_probability for s in scores], rtol=1e-5
    )


def test_elsewhere_a_sentence_says_what_is_missing(project, tmp_path):
    for name, more in (("evaluate_model", []), ("train_language_model", ["--resume"])):
        told = run(name, f"--run-dir={project / 'runs' / 'whole'}", *more, cwd=tmp_path, expected=2)
        assert told.startswith("error: `")
        assert "there is no module project_parts. Start in the directory that holds it" in told


def options_of(project, run_dir, **changes):
    """The options of the run that nothing happened to, in Python."""
    usual = {"units": 8, "batch_size": 4, "num_steps": 12, "epochs": 2, "learning_rate": 0.003}
    usual |= {"sample_epochs": 0, "baseline": False, "export": False, "verbose": "quiet"}
    usual |= {"corpus": str(project / "text.txt"), "run_dir": str(run_dir)}
    return tfseq.LanguageModelOptions(**(usual | changes))


def test_in_python_the_objects_themselves(project, parts, tmp_path):
    mine = {"cell": parts.LeakyCell, "tokenizer": parts.Syllables, "optimizer": parts.SignMomentum}
    task = tfseq.train(options_of(project, tmp_path / "run", **mine), log=lambda line: None)
    whole = tfseq.load(project / "runs" / "whole")
    for weight, expected in zip(task.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert task.options.cell == "project_parts:LeakyCell"
    with pytest.raises(InputError, match=r"`cell` must be one of rnn, .*, or module:Name"):
        tfseq.train(
            options_of(project, tmp_path / "run", cell=lambda units: parts.LeakyCell(units))
        )


def test_a_tokenizer_that_is_plain_python_trains_and_is_refused_at_export(project, parts, tmp_path):
    small = {"max_tokens": 400, "units": 4, "batch_size": 2, "num_steps": 8, "epochs": 1}
    options = options_of(project, tmp_path / "run", tokenizer=parts.PlainPython, **small)
    task = tfseq.train(options, log=lambda line: None)
    assert len(task.generate("the ", 5).completion) == 5
    with pytest.raises(InputError, match=r"`tokenizer` must be in-graph.*PlainPython\.tokenize"):
        task.export(tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
