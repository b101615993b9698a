"""Paths and prompts among the options: what they stand for, and how they are kept."""

import dataclasses
import glob
import json
import os
import runpy
from pathlib import Path
from typing import Annotated, get_type_hints
from unittest import mock

import pytest
import tensorflow as tf
from pipeline_scripts import PIPELINES, script

from tfseq.analysis.gradient_flow_options import GradientFlowOptions
from tfseq.errors import InputError
from tfseq.options.configuration import parse_options
from tfseq.options.rules import PathText, Prompt, check_options
from tfseq.options.run_options import parse_run_options, read_run_options
from tfseq.options.saving import absolute_paths, normalized, to_json, without_places
from tfseq.options.task_names import TASK_NAMES, task_of
from tfseq.tasks.forecasting.options import ForecastingOptions
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.tagging.options import TaggingOptions
from tfseq.tasks.text_classification.options import TextClassificationOptions

TASKS = (LanguageModelOptions, TextClassificationOptions, TaggingOptions, ForecastingOptions)


@dataclasses.dataclass(frozen=True)
class Options:
    """Cook an egg."""

    egg: PathText = "egg"
    """Where it lies."""
    pan: PathText | None = None
    """Where it goes."""
    name: str = "~/name"
    """What it is called."""
    wish: Prompt | None = None
    """What is said."""
    config: PathText | None = None
    """A file of these."""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    home = tmp_path / "home of mine"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


def options_types() -> list[type]:
    """What every script can be told."""
    found = []
    for path in sorted(PIPELINES.glob("[a-z]*.py")):
        note = lambda kind, *_, **__: found.append(kind)  # noqa: E731
        with mock.patch("tfseq.options.command_line.run", note):
            runpy.run_path(str(path), run_name="__main__")
    return found


def test_every_path_of_every_script_is_one():
    """So that all that holds of paths holds of each of them."""
    found = options_types()
    assert len(found) == 12
    known = {"run_dir", "export_dir", "result_dir", "corpus", "data", "config", "path", "test"}
    known |= {"validation", "ca_file", "token_file"}
    for options_type in found:
        hints = get_type_hints(options_type, include_extras=True)
        for name in known & set(hints):
            changed = expanded_paths_of(options_type, hints, name)
            assert changed == os.path.expanduser("~/x"), (options_type, name)


def expanded_paths_of(options_type, hints, name):
    one = dataclasses.make_dataclass("One", [(name, hints[name])], frozen=True)
    return getattr(normalized(one("~/x")), name)


@pytest.mark.parametrize("words", [["--egg=~/a", "--pan", "~/b"], ["--config=~/c.json"]])
def test_a_tilde_is_the_home_directory(words, home):
    """The shell replaces it in `--egg ~/a` and leaves it in `--egg=~/a`; a file has no shell."""
    (home / "c.json").write_text(json.dumps({"egg": "~/a", "pan": "~/b"}))
    options = parse_options(Options, words)
    assert (options.egg, options.pan) == (f"{home}/a", f"{home}/b")
    assert options.name == "~/name", "only paths are"
    assert options.config in (None, f"{home}/c.json")


@pytest.mark.parametrize("flag", ["--run-dir=~/run", "--config=~/c.json"])
def test_a_tilde_before_a_run_that_goes_on(flag, home):
    (home / "run").mkdir()
    saved = LanguageModelOptions(units=7).with_defaults_filled()
    (home / "run" / "config.json").write_text(json.dumps(dataclasses.asdict(saved)))
    (home / "c.json").write_text(json.dumps({"run_dir": "~/run"}))
    options = parse_run_options(LanguageModelOptions, ["--resume", flag])
    assert (options.units, options.run_dir) == (7, f"{home}/run")


def test_paths_are_kept_good_from_any_directory(home, tmp_path, monkeypatch):
    """As they were used: a link stays one, and what `..` leads to depends on it."""
    (tmp_path / "disk" / "texts").mkdir(parents=True)
    (tmp_path / "disk" / "b.txt").write_text("right")
    (tmp_path / "b.txt").write_text("wrong")
    (tmp_path / "link").symlink_to("disk/texts")
    kept = absolute_paths(Options(egg="link/../b.txt", pan="./x//y/"), names=["python_docs"])
    assert kept == Options(egg=f"{tmp_path}/link/../b.txt", pan=f"{tmp_path}/x/y")
    assert Path("link/../b.txt").read_text() == "right"
    monkeypatch.chdir("/")
    assert Path(kept.egg).read_text() == "right"
    assert absolute_paths(kept) == kept
    assert absolute_paths(Options("python_docs"), names=["python_docs"]).egg == "python_docs"


def test_a_pattern_is_kept_with_a_directory_that_is_none(tmp_path, monkeypatch):
    place = tmp_path / "data [2024]"
    place.mkdir()
    (place / "a.txt").write_text("a")
    (place / "b*.txt").write_text("b")
    monkeypatch.chdir(place)
    pattern = absolute_paths(Options(egg="a*.txt")).egg
    monkeypatch.chdir("/")
    assert glob.glob(pattern) == [str(place / "a.txt")]
    monkeypatch.chdir(place)
    assert absolute_paths(Options(egg="b*.txt")).egg == str(place / "b*.txt")


def test_what_others_are_told_names_no_place():
    told = without_places(Options(egg="/home/me/egg.txt", pan="/", name="/x/y"))
    assert told == {"egg": "egg.txt", "pan": "/", "name": "/x/y", "wish": None, "config": None}


BAD = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize("option", ["egg", "pan", "name", "config"])
def test_names_that_are_not_utf8_are_refused(option, tmp_path, monkeypatch):
    """By the option, before anything is done; the bytes can be seen on any terminal."""
    monkeypatch.chdir(tmp_path)
    if option == "config":
        Path(BAD).write_text("{}")
    with pytest.raises(InputError) as caught:
        parse_options(Options, [f"--{option}", BAD])
    assert str(caught.value) == f"`{option}` must be valid UTF-8. Received: 'caf\\udce9'."
    assert str(caught.value).isascii()
    with pytest.raises(InputError, match="must be valid UTF-8"):
        check_options(Options(**{option: "half \ud83d"}))


def test_a_directory_above_that_is_not_utf8(tmp_path, monkeypatch):
    """A relative path is good there, and cannot be kept."""
    (tmp_path / BAD).mkdir()
    monkeypatch.chdir(tmp_path / BAD)
    check_options(Options(pan="pan"))
    with pytest.raises(InputError, match=r"`pan` must be valid UTF-8\. Received: .*caf.udce9/pan"):
        absolute_paths(Options(pan="pan"))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (b"caf\xe9 au", "caf\ufffd au"),
        (b"\xe2\x82", "\ufffd"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("日本".encode(), "日本"),
    ],
)
def test_bytes_of_a_prompt_that_are_not_utf8_are_replaced(given, read):
    """As the graph of an export replaces them."""
    assert parse_options(Options, ["--wish", os.fsdecode(given)]).wish == read
    in_graph = tf.strings.unicode_transcode(given, "UTF-8", "UTF-8", errors="replace")
    assert in_graph.numpy().decode() == read


@pytest.mark.parametrize("saved", range(4))
@pytest.mark.parametrize("wanted", range(4))
def test_a_run_of_another_task_is_named_as_one(saved, wanted, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(TASKS[saved](run_dir="r"))))
    words = ["--resume", "--run-dir", str(tmp_path)]
    if saved == wanted:
        assert parse_run_options(TASKS[wanted], words).resume
        return
    with pytest.raises(InputError) as caught:
        parse_run_options(TASKS[wanted], words)
    names = [TASK_NAMES[TASKS[n].task] for n in (saved, wanted)]
    assert str(caught.value) == (
        f"`run_dir` {tmp_path} is the run of {names[0].model}, not of {names[1].model}; "
        f"{names[0].script} goes on with it."
    )


def test_names_of_tasks():
    """Each has a script, and an option that no other has: once a run did not name its task."""
    assert [options_type.task for options_type in TASKS] == list(TASK_NAMES)
    for task, options_type in zip(TASK_NAMES, TASKS, strict=True):
        name, fields = TASK_NAMES[task], {f.name for f in dataclasses.fields(options_type)}
        assert [t for t, other in TASK_NAMES.items() if other.option in fields] == [task]
        assert task_of(to_json(options_type())) == task_of({"task": task}) == task
        assert (PIPELINES / name.script).is_file()
    assert task_of({"units": 3}) is None


def test_what_is_no_run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(GradientFlowOptions())))
    for options_type in TASKS:
        with pytest.raises(InputError, match=r"is not a run: its config\.json is of another job"):
            read_run_options(options_type, tmp_path)


def test_annotations_may_say_more():
    """As `tyro.conf.Positional` does."""
    one = dataclasses.make_dataclass("One", [("path", Annotated[PathText, "more"])], frozen=True)
    assert normalized(one("~/x")).path == os.path.expanduser("~/x")


@pytest.mark.slow
def test_a_run_in_the_directory_that_the_shell_is_in(tmp_path):
    """It is filled, not replaced; its text is found again from elsewhere."""
    here = tmp_path / "here"
    here.mkdir()
    before = here.stat().st_ino
    (tmp_path / "text.txt").write_text("the time machine of light and year in dark " * 20)
    options = ["--corpus=../text.txt", "--run-dir=.", "--no-export", "--no-baseline", "--epochs=1"]
    small = ["--units=4", "--batch-size=4", "--num-steps=16", "--sample-epochs=0"]
    script("train_language_model", *options, *small, cwd=here)
    assert here.stat().st_ino == before
    config = json.loads((here / "config.json").read_text())
    assert config["run_dir"] == str(here)
    assert os.path.samefile(config["corpus"], tmp_path / "text.txt")
    resumed = script("train_language_model", "--resume", f"--run-dir={here}", cwd=tmp_path)
    assert "the run is finished" in resumed.stdout


def test_a_run_of_another_task(tmp_path):
    """What writes text says whose run it was given instead."""
    config = json.dumps(dataclasses.asdict(TaggingOptions(run_dir="runs/tags")))
    (tmp_path / "config.json").write_text(config)
    done = script("generate_text", f"--run-dir={tmp_path}", cwd=tmp_path, expected=2)
    assert done.stderr == (
        f"error: `--run-dir` {tmp_path} is the run of a tagger, not of a language model. "
        "evaluate_model.py measures it, and export_model.py exports it.\n"
    )


def test_a_cache_directory_is_found_from_anywhere(home):
    """By machines of a cluster, whose working directories are others; a URL is."""

    def kept(place):
        return normalized(LanguageModelOptions(cache_dir=place))

    here = os.getcwd()
    assert kept("cache/of mine").cache_dir == f"{here}/cache/of mine"
    assert kept("~/cache").cache_dir == f"{home}/cache"
    assert kept("/shared/cache").cache_dir == "/shared/cache"
    assert kept("gs://bucket/cache").cache_dir == "gs://bucket/cache"
    assert kept(None).cache_dir is None
    assert without_places(kept("cache"))["cache_dir"] == "cache"
    with pytest.raises(InputError, match=r"`cache_dir` must be a path or a URL: not empty"):
        check_options(kept(""))
    words = parse_run_options(LanguageModelOptions, ["--cache-dir", "cache"])
    assert words.cache_dir == f"{here}/cache"
