"""Options from the command line and from files: who wins, and what is said when it is wrong."""

import dataclasses
import json
from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.errors import InputError
from tfseq.options.configuration import find_option, parse_options, read_options
from tfseq.options.rules import (
    CountOrZero,
    Fraction,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Probability,
    Rule,
    Seed,
    check_options,
    checked,
)
from tfseq.options.saving import to_json


@dataclasses.dataclass(frozen=True)
class Options:
    """Cook an egg."""

    minutes: PositiveInt = 4
    """How long."""
    salt: NonNegativeFloat = 0.5
    """In grams."""
    style: Literal["soft", "hard"] = "soft"
    """How it is liked."""
    water_temperature: PositiveFloat | None = None
    """In degrees; left out, boiling."""
    peel: bool = False
    """Take the shell off."""
    name: str = "egg"
    """What it is called."""
    config: str | None = None
    """A file of these."""


@pytest.fixture
def file(tmp_path):
    def write(values):
        path = tmp_path / "options.json"
        path.write_text(values if isinstance(values, str) else json.dumps(values))
        return str(path)

    return write


def test_defaults():
    assert parse_options(Options, []) == Options()


def test_command_line_over_file_over_defaults(file):
    path = file({"minutes": 7, "salt": 1, "style": "hard", "peel": True})
    options = parse_options(Options, ["--config", path, "--minutes", "9", "--no-peel"])
    assert options == Options(minutes=9, salt=1, style="hard", peel=False, config=path)


def test_given_defaults_come_last(file):
    path = file({"salt": 2.5, "water_temperature": None})
    defaults = Options(minutes=2, salt=3.0, style="hard", water_temperature=80.0)
    options = parse_options(Options, [f"--config={path}", "--style=soft"], defaults)
    assert options == Options(minutes=2, salt=2.5, style="soft", config=path)
    assert parse_options(Options, [], defaults) == defaults


def test_a_default_may_be_given_again_over_the_file(file):
    path = file({"minutes": 7, "name": "duck"})
    assert parse_options(Options, ["--minutes=4", "--config", path, "--name", "egg"]).minutes == 4


def test_a_class_without_config_reads_no_file(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Bare:
        """No file."""

        minutes: PositiveInt = 4

    assert parse_options(Bare, ["--minutes=5"]).minutes == 5
    with pytest.raises(SystemExit) as leaving:
        parse_options(Bare, ["--config", str(tmp_path)])
    assert leaving.value.code == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"minuts": 3}, "unknown key 'minuts'. Did you mean 'minutes'?"),
        ({"zzz": 3}, "unknown key 'zzz'."),
        ({"minutes": "3"}, "'minutes' must be a positive integer. Received: '3'."),
        ({"minutes": 3.0}, "'minutes' must be a positive integer. Received: 3.0."),
        ({"minutes": True}, "'minutes' must be a positive integer. Received: True."),
        ({"minutes": None}, "'minutes' must be a positive integer. Received: None."),
        ({"salt": "much"}, "'salt' must be zero or a positive finite number. Received: 'much'."),
        ({"style": "raw"}, "'style' must be one of 'soft', 'hard'. Received: 'raw'."),
        ({"style": ["soft"]}, "'style' must be one of 'soft', 'hard'. Received: ['soft']."),
        ({"peel": 1}, "'peel' must be true or false. Received: 1."),
        ({"name": 1}, "'name' must be a text. Received: 1."),
        (
            {"water_temperature": "hot"},
            "'water_temperature' must be a positive finite number or null. Received: 'hot'.",
        ),
        ([1], "must be a JSON object. Received: list."),
        ("{'minutes': 3}", "not JSON: "),
        ("", "not JSON: "),
        ('{"minutes": 3, "minutes": 4}', "has the field 'minutes' twice."),
    ],
    ids=str,
)
def test_wrong_files(file, values, message):
    path = file(values)
    with pytest.raises(InputError) as caught:
        parse_options(Options, ["--config", path])
    assert str(caught.value).startswith(f"`config` file {path}")
    assert message in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json cannot be read: No such file"):
        read_options(Options, tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_options(Options, tmp_path)
    (tmp_path / "latin").write_bytes(b'{"name": "\xe9"}')
    with pytest.raises(InputError, match=r"is not valid UTF-8: .* \(0xe9\), line 1\."):
        read_options(Options, tmp_path / "latin")


def test_values_of_a_file_are_held_to_their_rules(file):
    with pytest.raises(InputError, match=r"`minutes` must be a positive integer\. Received: -2"):
        parse_options(Options, ["--config", file({"minutes": -2})])


def test_all_broken_rules_at_once():
    with pytest.raises(InputError) as caught:
        parse_options(Options, ["--minutes=-3", "--salt", "nan", "--water-temperature=inf"])
    assert str(caught.value).splitlines() == [
        "`minutes` must be a positive integer. Received: -3.",
        "`salt` must be zero or a positive finite number. Received: nan.",
        "`water_temperature` must be a positive finite number. Received: inf.",
    ]


def test_python_is_held_to_the_types_too():
    with pytest.raises(InputError) as caught:
        check_options(Options(minutes=2.5, style="raw", peel=None))
    assert str(caught.value).splitlines() == [
        "`minutes` must be a positive integer. Received: 2.5.",
        "`style` must be one of 'soft', 'hard'. Received: 'raw'.",
        "`peel` must be true or false. Received: None.",
    ]
    check_options(Options(salt=1, water_temperature=3))


@pytest.mark.parametrize(
    ("hint", "allowed", "refused"),
    [
        (PositiveInt, [1, 2**31 - 1], [0, -1, True, 1.0, "1", None]),
        (CountOrZero, [0, 1], [-1, 0.0, False]),
        (PositiveFloat, [1e-300, 1, 2.5], [0, -1.0, float("inf"), float("nan"), "1"]),
        (NonNegativeFloat, [0, 0.0, 7], [-1e-9, float("inf"), float("nan")]),
        (Probability, [0, 0.999], [1, -0.1, 1.7, float("nan")]),
        (Fraction, [1e-9, 1], [0, 1.001, float("nan")]),
        (Seed, [0, 2**31 - 1], [-1, 2**31, 0.5]),
        (PositiveInt | None, [None, 3], [0, "x"]),
        (Annotated[str, Rule("not empty", bool)], ["x"], ["", 3]),
    ],
)
def test_rules(hint, allowed, refused):
    options_type = dataclasses.make_dataclass("Made", [("value", hint)])
    for value in allowed:
        check_options(options_type(value))
    for value in refused:
        with pytest.raises(InputError, match=r"`value` must be .*Received: "):
            check_options(options_type(value))


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        (np.int64(3), PositiveInt, 3),
        (np.array(3), PositiveInt, 3),
        (np.float32(0.5), Probability, 0.5),
        (1, Probability | None, None),
        (2.0, PositiveInt, None),
        (np.float32(3), PositiveInt, None),
        (True, PositiveInt, None),
        ("3", PositiveInt | None, None),
        (np.nan, Probability, None),
    ],
)
def test_arguments_are_held_to_the_same_rules(value, kind, result):
    """NumPy's numbers are numbers; what comes back is Python's."""
    if result is None:
        with pytest.raises(ValueError, match=r"`size` must be .*\. Received: size="):
            checked("size", value, kind)
    else:
        assert checked("size", value, kind) == result
        assert type(checked("size", value, kind)) is type(result)
    assert checked("size", None, PositiveInt | None) is None


@pytest.mark.parametrize(
    "arguments", [["--minutes", "four"], ["--minuts", "4"], ["--style=raw"], ["4"], ["--salt"]]
)
def test_a_command_line_that_does_not_parse(arguments, capsys):
    with pytest.raises(SystemExit) as leaving:
        parse_options(Options, arguments)
    assert leaving.value.code == 2
    output = capsys.readouterr()
    assert output.err
    assert not output.out


def test_help_says_what_each_option_is(capsys):
    with pytest.raises(SystemExit) as leaving:
        parse_options(Options, ["--help"])
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    for words in ("Cook an egg", "--water-temperature", "In degrees", "soft", "hard", "--no-peel"):
        assert words in text


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ([], None),
        (["--run-dir", "a"], "a"),
        (["--run-dir=a"], "a"),
        (["--run_dir=a"], "a"),
        (["--run_dir", "a"], "a"),
        (["--run-dir="], ""),
        (["--run-dir=a=b"], "a=b"),
        (["--run-dir"], None),
        (["--run-directory", "a"], None),
        (["run-dir", "a"], None),
        (["--other", "x", "--run-dir", "a", "--last"], "a"),
        (["--run-dir", "a", "--run-dir=b"], "b"),
    ],
)
def test_find_option(arguments, value):
    assert find_option(arguments, "run_dir") == value


@pytest.mark.parametrize("words", [["--config", "{}"], ["--config={}"]])
def test_the_last_of_two_files_is_read_as_the_last_of_two_values_counts(words, tmp_path):
    for name, minutes in (("a", 5), ("b", 6)):
        (tmp_path / name).write_text(json.dumps({"minutes": minutes}))
    arguments = [w.format(tmp_path / name) for name in "ab" for w in words]
    options = parse_options(Options, [*arguments, "--salt=1", "--salt=2"])
    assert (options.minutes, options.salt, options.config) == (6, 2.0, str(tmp_path / "b"))


@given(
    st.builds(
        Options,
        minutes=st.integers(1, 10**6),
        salt=st.floats(0, 1e6),
        style=st.sampled_from(["soft", "hard"]),
        water_temperature=st.none() | st.floats(1e-3, 1e6),
        peel=st.booleans(),
        name=st.text(st.characters(codec="utf-8")),
    )
)
def test_what_is_saved_reads_back(tmp_path_factory, options):
    path = tmp_path_factory.mktemp("saved") / "config.json"
    values = to_json(options)
    assert list(values) == [field.name for field in dataclasses.fields(Options)]
    path.write_text(json.dumps(values), encoding="utf-8")
    assert Options(**read_options(Options, path)) == options


def test_a_text_is_what_its_rules_make_of_it():
    """Before it is checked, wherever it comes from, one rule after the other."""

    @dataclasses.dataclass(frozen=True)
    class Order:
        style: Annotated[str, Rule("soft or hard", {"soft", "hard"}.__contains__, str.lower)] = ""
        wish: Annotated[str, Rule("a wish", change=str.strip)] | None = None
        guest: Annotated[str, Rule("a guest", bool, str.strip), Rule("one", change=str.title)] = "X"
        name: str = " Egg "

    order = parse_options(Order, ["--style=SOFT", "--guest= ann "])
    assert order == Order("soft", None, "Ann")
    order = parse_options(Order, ["--wish", " salt "], defaults=Order("Hard"))
    assert order == Order("hard", "salt")
    with pytest.raises(InputError) as caught:
        parse_options(Order, ["--style=SOFT", "--guest= "])
    assert str(caught.value) == "`guest` must be a guest. Received: ''."
