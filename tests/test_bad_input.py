"""What the scripts refuse: one clear error, exit code 2, and nothing left behind."""

from pathlib import Path

import pytest
from pipeline_scripts import script, script_in_a_process, snapshot

BAD = {
    "missing file": (["--corpus=nowhere.txt"], "nowhere.txt"),
    "empty file": (["--corpus=empty.txt"], "empty.txt is empty"),
    "directory without text": (["--corpus=empty"], "no text in the directory empty"),
    "invalid UTF-8": (["--corpus=latin.txt"], "latin.txt is not valid UTF-8"),
    "too short": (["--corpus=short.txt"], "needs at least 1,121 tokens. Received: 10 tokens"),
    "unknown cell": (["--cell=transformer"], "transformer"),
    "negative units": (
        ["--units=-3"],
        "`--units` must be a positive integer, at most 65536, or several, one for each layer. "
        "Received: -3",
    ),
    "dropout": (["--dropout=1.7"], "`--dropout` must be at least 0 and less than 1"),
    "run directory": (["--corpus=text.txt", "--run-dir=empty.txt/run"], "is not a directory"),
    "export directory": (["--corpus=text.txt", "--export-dir=empty.txt"], "not a directory"),
    "unknown key": (["--config=key.json"], "unknown key 'unit'. Did you mean 'units'?"),
    "wrong type": (
        ["--config=type.json"],
        "'units' must be a positive integer, at most 65536, or several, one for each layer. "
        "Received: '8'",
    ),
    "only unknown symbols": (["--corpus=text.txt", "--max-vocabulary=1"], "only <unk>"),
    "too large": (["--units=100000000000"], "at most 65536"),
    "long name": (["--corpus=text.txt", "--run-dir=" + "x" * 300], "name"),
    "resume of nothing": (["--resume", "--run-dir=nowhere"], "nowhere is not a directory"),
}


@pytest.fixture(scope="module")
def bad_place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("bad")
    (place / "empty").mkdir()
    (place / "empty.txt").touch()
    (place / "short.txt").write_text("eleven char")
    (place / "text.txt").write_text("long enough. " * 400)
    (place / "latin.txt").write_bytes("Zürich".encode("latin-1"))
    (place / "key.json").write_text('{"unit": 8}')
    (place / "type.json").write_text('{"units": "8"}')
    return place


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error_and_leaves_nothing(case, bad_place):
    arguments, words = BAD[case]
    before = snapshot(bad_place)
    done = script("train_language_model", *arguments, cwd=bad_place, expected=2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 8
    assert snapshot(bad_place) == before


@pytest.mark.slow
def test_bad_input_ends_a_process_with_code_2(bad_place):
    done = script_in_a_process("train_language_model", "--corpus=none", cwd=bad_place, expected=2)
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
