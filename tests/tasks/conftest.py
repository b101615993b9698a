"""A finished run of each task, shared by the tests, which leave it as it is."""

import contextlib
import functools
import shutil

import pytest
from small_tasks import KINDS, options_of

import tfseq
from tfseq.serving import export as export_module
from tfseq.serving.loader.loader_process import LoaderProcess


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """`trained(kind)` is the task that `tfseq.train` has returned."""

    @functools.cache
    def train(kind):
        place = tmp_path_factory.mktemp("runs")
        return tfseq.train(options_of(kind, place), log=lambda line: None)

    return train


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def copied(trained, kind, tmp_path):
    """The directory of a finished run that may be changed."""
    return shutil.copytree(trained(kind).directory, tmp_path / "run")


@pytest.fixture(scope="session")
def loader():
    with LoaderProcess() as loader:
        yield loader


@pytest.fixture(scope="session")
def exports(trained, loader, tmp_path_factory):
    """`exports(kind)` is the version directory of an export, loaded by the C API."""

    @functools.cache
    def export(kind):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(export_module, "LoaderProcess", lambda: contextlib.nullcontext(loader))
            task = tfseq.load(trained(kind).directory)
            path = task.export(tmp_path_factory.mktemp("exported") / "egg")
        loader.load(path)
        return path

    return export


@pytest.fixture
def one_loader(loader, monkeypatch):
    """Exports are warmed up in the tests' own loader process: a new one for each takes seconds."""
    monkeypatch.setattr(export_module, "LoaderProcess", lambda: contextlib.nullcontext(loader))
