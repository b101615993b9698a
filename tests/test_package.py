"""The package as a whole: its names, and what importing it costs."""

import importlib
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import tfseq

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "pipelines").glob("[a-z]*.py"))

PACKAGES = sorted(path.parent.name for path in (ROOT / "tfseq").glob("*/__init__.py"))

HEAVY = ("tensorflow", "keras", "tensorflow_text", "numpy", "matplotlib")
REPORT = f"import json, sys; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"


def heavy_modules_after(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{REPORT}"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", tfseq.__all__)
def test_every_public_name_is_what_it_says(name):
    value = getattr(tfseq, name)
    assert value.__doc__
    assert value.__name__ in (name, f"tfseq.{name}")
    assert name in dir(tfseq)


def test_names_of_the_contract():
    """Those that are promised to users of the library."""
    promised = (
        "SimpleRNNCell GRUCell LSTMCell RNN RecurrentStack CharTokenizer WordTokenizer Vocabulary "
        "WhitespaceTokenizer random_windows sequential_windows LanguageModel interop train load "
        "LanguageModelOptions TextClassificationOptions TaggingOptions ForecastingOptions"
    )
    assert set(promised.split()) <= set(tfseq.__all__)
    assert callable(tfseq.interop.load_torch_weights)
    assert callable(tfseq.interop.torch_state_dict)
    assert callable(tfseq.interop.load_keras_weights)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_packages_hand_on(package):
    """The names that it lists, or none: a room whose modules are named in full."""
    module = importlib.import_module(f"tfseq.{package}")
    names = getattr(module, "__all__", [])
    assert names or package in ("cluster", "files", "options", "runs")
    assert len(set(names)) == len(names)
    for name in names:
        assert getattr(module, name) is not None
        assert name in dir(module)


def test_every_package_is_an_attribute():
    """After `import tfseq` alone, in a process where nothing else has been imported."""
    assert "report" in PACKAGES
    code = f"import tfseq\nfor name in {PACKAGES}: assert name in dir(tfseq), name"
    assert heavy_modules_after(code) == []
    assert set(PACKAGES) <= set(tfseq.__all__)
    done = subprocess.run(
        [sys.executable, "-c", "import tfseq; print(tfseq.report.Report('Egg').title)"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "Egg\n", done.stderr


@pytest.mark.parametrize("module", [tfseq, tfseq.tasks], ids=lambda module: module.__name__)
def test_a_name_that_is_not_there(module):
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'Egg'"):
        module.Egg  # noqa: B018
    assert not hasattr(module, "__egg__")


def test_typed_and_versioned():
    assert (Path(tfseq.__file__).parent / "py.typed").is_file()
    assert tfseq.__version__.count(".") == 2


@pytest.mark.parametrize(
    "code",
    [
        "import tfseq",
        "import tfseq; tfseq.LanguageModelOptions(corpus='mine.txt'), tfseq.train, tfseq.load",
        "import tfseq.options.configuration, tfseq.options.command_line, tfseq.errors",
    ],
)
def test_importing_costs_nothing(code):
    assert heavy_modules_after(code) == []


def test_star_import():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "from tfseq import *; print(GRUCell(3).units)"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "3\n", done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_loads_nothing_heavy(script):
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{str(script)!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({str(script)!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT], capture_output=True, text=True, timeout=60
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # In seconds of the processor: how long it waits for its turn says nothing.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
    assert done.returncode == 0
    assert not done.stderr
    *told, heavy = done.stdout.splitlines()
    assert any("usage:" in line for line in told)
    assert json.loads(heavy) == []


def test_temperature_is_told_the_right_way_round():
    """The distribution is softmax(logits / temperature): sharper where it is low."""
    script = ROOT / "pipelines" / "generate_text.py"
    done = subprocess.run(
        [sys.executable, str(script), "--help"], capture_output=True, text=True, timeout=60
    )
    told = " ".join(done.stdout.replace("│", " ").split())
    assert "Low is careful, high is" in told
    assert "bolder" not in told
