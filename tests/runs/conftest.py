"""A finished run to compare others with."""

import pytest

from .small_run import make


@pytest.fixture(scope="package")
def whole_weights(tmp_path_factory):
    """The weights of a run that nothing happened to."""
    job = make(tmp_path_factory.mktemp("whole") / "run")
    job.fit()
    return job.model.get_weights()
