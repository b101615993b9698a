"""Options that name a part: a short name, `module:Name`, or in Python the part itself."""

import collections
import dataclasses
import json
import sys
from typing import Annotated

import keras
import pytest

from tfseq.cells.table import CELLS
from tfseq.errors import InputError
from tfseq.options.configuration import parse_options, read_options
from tfseq.options.optimizers import OPTIMIZERS, OptimizerName
from tfseq.options.parts import Part, PartTable
from tfseq.options.rules import check_options
from tfseq.options.run_options import read_run_options
from tfseq.options.saving import normalized, to_json
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.text.tokenizers.table import TOKENIZERS

COOKS = PartTable("cook", {"counter": "collections:Counter", "chain": "itertools:chain"})


class Own:
    """A part of a person's own."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Cook."""

    cook: Annotated[Part, COOKS.rule] = "counter"
    """Who cooks."""
    helper: Annotated[Part, COOKS.rule] | None = None
    """Who helps; left out, nobody."""
    optimizer: OptimizerName = "adam"
    """What makes it better."""
    config: str | None = None
    """A file of these."""


def test_short_names_and_those_of_modules(tmp_path):
    assert parse_options(Options, []) == Options()
    options = parse_options(Options, ["--cook=chain", "--helper", "my_cooks:Ann.fast"])
    assert (options.cook, options.helper) == ("chain", "my_cooks:Ann.fast")
    assert parse_options(Options, [], defaults=options) == options
    assert parse_options(Options, ["--helper=None"], defaults=options).helper is None
    file = tmp_path / "options.json"
    file.write_text(json.dumps({"cook": "my_cooks:Ben"}))
    assert parse_options(Options, [f"--config={file}"]).cook == "my_cooks:Ben"


def test_help_lists_the_names(capsys):
    with pytest.raises(SystemExit):
        parse_options(Options, ["--help"])
    told = capsys.readouterr().out
    assert "--cook counter|chain|module:Name" in told
    assert "--helper counter|chain|module:Name" in told
    assert "Who helps; left out, nobody." in " ".join(told.split())


@pytest.mark.parametrize(
    "name", ["", "cook", "my-cooks:Ann", "my_cooks:", ":Ann", "a:b:c", "a b:c", "..cooks:Ann"]
)
def test_what_is_no_name(name, tmp_path):
    message = f"`cook` must be one of counter, chain, or module:Name. Received: {name!r}."
    for options in (lambda: parse_options(Options, ["--cook", name]), lambda: Options(cook=name)):
        with pytest.raises(InputError) as caught:
            check_options(options())
        assert str(caught.value) == message
    file = tmp_path / "options.json"
    file.write_text(json.dumps({"cook": 3}))
    with pytest.raises(InputError, match="'cook' must be one of counter, chain, or module:Name"):
        read_options(Options, file)


def test_in_python_the_part_itself():
    options = Options(cook=Own, optimizer=keras.optimizers.SGD)
    check_options(options)
    named = normalized(options)
    assert to_json(named) == {
        "cook": f"{__name__}:Own",
        "helper": None,
        "optimizer": "sgd",
        "config": None,
    }
    assert COOKS.find(named.cook) is Own
    assert OPTIMIZERS.find(named.optimizer) is keras.optimizers.SGD
    assert COOKS.find(Own) is Own


def test_names_are_public_and_short():
    assert OPTIMIZERS.name(keras.optimizers.Ftrl) == "keras.optimizers:Ftrl"
    assert CELLS.name(keras.layers.GRUCell) == "keras.layers:GRUCell"
    assert [OPTIMIZERS.name(f"keras.optimizers:{name}") for name in ("SGD", "Ftrl")] == [
        "sgd",
        "keras.optimizers:Ftrl",
    ]
    assert [TOKENIZERS.name(f"{place}:WordTokenizer") for place in ("tfseq.text", "tfseq")] == [
        "word",
        "word",
    ]
    assert OPTIMIZERS.name(keras.optimizers.Ftrl.__module__ + ":Ftrl") == "keras.optimizers:Ftrl"
    options = Options(optimizer="keras.optimizers:AdamW", helper="itertools:chain")
    assert normalized(options) == Options(optimizer="adamw", helper="chain")


def test_a_run_that_was_saved_under_a_longer_name_goes_on(tmp_path):
    place = f"{keras.optimizers.SGD.__module__}:SGD"
    values = {"task": "language_model", "run_dir": str(tmp_path), "optimizer": place}
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert read_run_options(LanguageModelOptions, tmp_path).optimizer == "sgd"


def test_parts_that_would_not_be_found_again():
    class Local:
        pass

    hidden = type("Own", (), {"__module__": __name__, "__qualname__": "Own"})
    for part in (Local, hidden, lambda units: units, 3, keras.optimizers.SGD()):
        with pytest.raises(
            InputError, match=r"`cook` must be one of .* so that a run finds it again"
        ):
            normalized(Options(cook=part))


def test_a_part_in_the_current_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    (tmp_path / "my_own_cooks.py").write_text("class Ann:\n    pass\n")
    (tmp_path / "my_lame_cooks.py").write_text("import no_such_pan\n")
    found = COOKS.find("my_own_cooks:Ann")
    assert (found.__module__, found.__name__) == ("my_own_cooks", "Ann")
    for name, message in [
        (
            "my_own_cooks:Ben",
            "`cook` is 'my_own_cooks:Ben', but the module my_own_cooks has no Ben. It was imported "
            f"from {tmp_path}/my_own_cooks.py",
        ),
        ("no_cooks:Ann", "but there is no module no_cooks. Start in the directory that holds it"),
        ("my_lame_cooks:Ann", "there is no module no_such_pan, which my_lame_cooks imports"),
        ("cook", "must be one of counter, chain, or module:Name. Received: 'cook'"),
        ("..cooks:Ann", "must be one of counter, chain, or module:Name. Received: '..cooks:Ann'"),
    ]:
        with pytest.raises(InputError, match=message):
            COOKS.find(name)
    assert sys.path == before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from os import no_such_pan", "ImportError: cannot import name 'no_such_pan' from 'os'"),
        ("class Ann", "SyntaxError: expected ':'"),
        ("int('three')", "ValueError: invalid literal"),
        ("{}['pan']", "KeyError: 'pan'"),
    ],
)
def test_a_module_that_cannot_be_imported(code, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken_cooks.py").write_text(code + "\n")
    message = (
        f"`cook` is 'broken_cooks:Ann', but the module broken_cooks cannot be imported: {said}"
    )
    with pytest.raises(InputError) as caught:
        COOKS.find("broken_cooks:Ann")
    assert str(caught.value).startswith(message)
    assert type(caught.value.__cause__).__name__ == said.partition(":")[0]


def test_the_current_directory_comes_first_and_never_hides_a_built_in_part(tmp_path, monkeypatch):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for place in (here, elsewhere):
        place.mkdir()
        (place / "twice_cooks.py").write_text(f"place = {place.name!r}\n")
    (here / "late_cooks.py").write_text("place = 'here'\n")
    monkeypatch.syspath_prepend(elsewhere)
    monkeypatch.chdir(here)
    assert COOKS.find("twice_cooks:place") == "here"
    own = PartTable("cook", {"late": "late_cooks:place"})
    with pytest.raises(ModuleNotFoundError):
        own.find("late")
    assert sys.path[0] == str(elsewhere)


def test_a_removed_current_directory_does_not_matter(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert COOKS.find("counter") is collections.Counter
    assert COOKS.find("collections:OrderedDict") is collections.OrderedDict
