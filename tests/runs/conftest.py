"""Finished runs to compare others with."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from .killed_runs import options_of, train, write_corpus
from .small_run import make


@pytest.fixture(scope="package")
def whole_weights(tmp_path_factory):
    """The weights of a run that nothing happened to."""
    job = make(tmp_path_factory.mktemp("whole") / "run")
    job.fit()
    return job.model.get_weights()


@pytest.fixture(scope="package")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "text.txt")


@pytest.fixture(scope="package")
def whole(corpus, tmp_path_factory) -> Callable[[str], Path]:
    """`whole(cell)` is a run that was never interrupted."""

    @functools.cache
    def run(cell: str) -> Path:
        run_dir = tmp_path_factory.mktemp("whole") / cell
        train(corpus, run_dir, *options_of(cell))
        return run_dir

    return run
