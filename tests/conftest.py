"""What holds for every test."""

import builtins
import collections
import contextlib
import gc
import os
import random

import pytest
from hypothesis import settings

# What TensorFlow's C++ side prints would be taken for the output of a test.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# One token for all clusters: Ray reads it once in a process. It writes none to the home directory.
os.environ.setdefault("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)

# How long one example takes says nothing on a busy machine, or where TensorFlow traces first.
settings.register_profile("tfseq", deadline=None, derandomize=True)
# Other examples at each run, to look for faults: pytest --hypothesis-profile=explore
settings.register_profile("explore", deadline=None, derandomize=False)
settings.load_profile("tfseq")

# Directories whose files share fixtures that take long to make: every day one worker runs them all.
# Their slow tests take longer than the fixtures, and two workers share them.
TOGETHER = ("tests/serving/", "tests/tasks/")
# What takes longest is begun first, so that no worker is left alone with it at the end.
FIRST = (
    "tests/serving/",
    "tests/tasks/",
    "tests/test_label_pipelines.py",
    "tests/test_pipelines.py",
    "tfseq/tasks/",
)

# Examples of docstrings that train or export for some seconds. The tests do the same every day.
SLOW_EXAMPLES = (
    "tfseq.serving.on_device.export.export_on_device",
    "tfseq.serving.signatures.language_model.export_language_model",
    "tfseq.tasks.forecasting.task.ForecastingTask",
    "tfseq.tasks.language_model.task.LanguageModelTask",
    "tfseq.tasks.prediction.predict_file.predict_file",
    "tfseq.tasks.tagging.task.TaggingTask",
    "tfseq.tasks.text_classification.task.TextClassificationTask",
    "tfseq.tasks.training.train",
)


def pytest_addoption(parser):
    parser.addoption(
        "--kills",
        type=int,
        default=20,
        metavar="N",
        help="how often, at most, each slow test of a cluster kills at a random moment",
    )


def pytest_configure(config):
    """Every day XLA compiles quickly and not for speed: what it compiles runs a few times only.

    It is LLVM's part alone, and half of the time that a small step takes to compile. The slow tests
    compile as a user does, among them other cases of what is tested every day.
    """
    if config.option.markexpr == "not slow":
        flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
        os.environ.setdefault("XLA_FLAGS", flags)


def pytest_collection_finish():
    """The millions of objects that TensorFlow has made by now stay to the end: garbage collection
    need not look at them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_result_of_a_doctest(monkeypatch):
    """A doctest leaves its last result in `builtins._`, and tyro hashes all that is there."""
    monkeypatch.delattr(builtins, "_", raising=False)


@pytest.fixture
def not_warmed_up(monkeypatch):
    """Exports are published unread: a loader process and its requests take seconds."""
    from tfseq.serving import export

    monkeypatch.setattr(export, "LoaderProcess", contextlib.nullcontext)
    monkeypatch.setattr(export, "replay", lambda directory, loader: None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    mark_slow_cases(items)
    items.sort(
        key=lambda item: next(
            (n for n, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST)
        )
    )


def mark_slow_cases(items):
    """Of the cases of a test marked `everyday(n)`, n stay in `pytest`; the others are slow.

    So are the examples named above. The cases that stay are a random sample that the test's name
    determines, so that it is the same every time; `pytest -m slow` runs the others.
    """
    cases = collections.defaultdict(list)
    for item in items:
        if item.name in SLOW_EXAMPLES:
            item.add_marker(pytest.mark.slow)
        if mark := item.get_closest_marker("everyday"):
            cases[item.nodeid.split("[")[0], *mark.args].append(item)
    for (name, count), alike in cases.items():
        everyday = random.Random(name.split("/")[-1]).sample(
            range(len(alike)), min(count, len(alike))
        )
        for place, item in enumerate(alike):
            if place not in everyday:
                item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):
        """A worker takes a file at a time, or all files of a directory in `TOGETHER`."""

        def _split_scope(self, nodeid):
            together = TOGETHER if config.option.markexpr == "not slow" else ()
            return next((d for d in together if nodeid.startswith(d)), super()._split_scope(nodeid))

    return Scheduler(config, log) if config.option.dist == "loadfile" else None
