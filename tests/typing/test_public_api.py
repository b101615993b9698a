"""Type checkers see every public name, as what it is."""

import importlib
import re
from pathlib import Path

import pytest

import tfseq

mypy = pytest.importorskip("mypy.api")
ROOT = Path(__file__).parents[2]
PACKAGES = [name for name in tfseq.__all__ if (ROOT / "tfseq" / name).is_dir()]

WRONG = {
    "tfseq.Egg": 'Module has no attribute "Egg"',
    "tfseq.text.Egg": 'Module has no attribute "Egg"',
    "tfseq.GRUCell()": 'Missing positional argument "units"',
    "tfseq.LanguageModelOptions(unit=3)": 'Unexpected keyword argument "unit"',
    "tfseq.LanguageModelOptions(units='3')": 'Argument "units"',
    "tfseq.load('runs/mine').generate('')": '"Task" has no attribute "generate"',
    "tfseq.load('runs/mine', 'tagging').generate('')": '"TaggingTask" has no attribute "generate"',
    "tfseq.serving.Client('localhost:8500')": 'Missing positional argument "model_name"',
}


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """Runs mypy as pyproject.toml sets it; returns what it says first of each line of a program."""
    place = tmp_path_factory.mktemp("mypy")

    def run(path: Path) -> dict[int, str]:
        out, err, _ = mypy.run(
            [
                *("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(place)),
                *("--no-error-summary", str(path)),
            ]
        )
        assert not err
        said = re.findall(rf"^{re.escape(str(path))}:(\d+): (.*)$", out, re.MULTILINE)
        assert len(said) == len(out.splitlines()), out
        return {int(line): text for line, text in reversed(said)}

    return run


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MYPYPATH", str(ROOT))


@pytest.mark.slow
def test_a_person_s_program(check):
    assert check(ROOT / "tests" / "typing" / "public_api.py") == {}


@pytest.mark.slow
def test_every_name(check, tmp_path):
    names = [f"tfseq.{name}" for name in tfseq.__all__] + [
        f"tfseq.{package}.{name}"
        for package in PACKAGES
        for name in getattr(importlib.import_module(f"tfseq.{package}"), "__all__", ())
    ]
    program = tmp_path / "names.py"
    program.write_text("\n".join(["import tfseq", *(f"reveal_type({name})" for name in names)]))
    said = check(program)
    assert len(said) == len(names)
    for line, name in enumerate(names, start=2):
        kind = re.fullmatch(r'note: Revealed type is "(.*)"', said[line])
        assert kind, (name, said[line])
        assert kind[1] != "Any", name
        if isinstance(value := eval(name, {"tfseq": tfseq}), type):
            made = f"{value.__module__}.{value.__qualname__}"
            assert re.search(rf"( -> |fallback=){re.escape(made)}\b", kind[1]), name


@pytest.mark.slow
def test_what_is_wrong(check, tmp_path):
    program = tmp_path / "wrong.py"
    program.write_text("\n".join(["import tfseq", *WRONG]))
    said = check(program)
    assert len(said) == len(WRONG)
    for line, (code, message) in enumerate(WRONG.items(), start=2):
        assert said[line].startswith(f"error: {message}"), (code, said[line])
