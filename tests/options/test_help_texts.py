"""What `--help` shows of options."""

import dataclasses

import pytest

from tfseq.options.configuration import parse_options
from tfseq.options.rules import PathText, PositiveInt


@dataclasses.dataclass(frozen=True)
class Left:
    """Options that may be left
    out."""

    bowl: PathText | None = None
    """Where it is kept; if
    2 or more omitted, nowhere."""
    shelled: bool | None = None
    """Without its shell."""
    sizes: int | tuple[int, ...] | None = None
    """How large they are."""
    helpers: tuple[str, ...] = ()
    """Who helps."""
    spoons: PositiveInt | None = 2
    """How many there are."""


def test_help_names_no_none_and_joins_lines(capsys):
    with pytest.raises(SystemExit):
        parse_options(Left, ["--help"])
    text = capsys.readouterr().out
    assert "None" not in text
    assert "Where it is kept; if 2 or more omitted, nowhere." in text
    words = " ".join(text.replace("│", " ").split())
    for shown in (
        "Options that may be left out.",
        "--bowl PATH Where",
        "--shelled | --no-shelled Without its shell.",
        "--sizes INT [INT ...] How large",
        "--spoons INT How many there are. (default: 2)",
    ):
        assert shown in words
    parsed = parse_options(Left, ["--no-shelled", "--sizes", "3", "4", "--spoons", "None"])
    assert parsed == Left(shelled=False, sizes=(3, 4), spoons=None)
