"""A process of a cluster that has loaded a trained model, and answers with it."""

import contextlib
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfseq.errors import InputError
from tfseq.tasks.prediction.run_digests import run_digests

#: What is done with a part: a function of the task and the part's values.
Work = Callable[..., Any]


class Loaded(NamedTuple):
    """Where a run was to be loaded.

    Attributes:
        node: the address of the node.
        other: a file of the run that is not the same there, for which nothing has been loaded.
        failure: why the run cannot be loaded there.
    """

    node: str
    other: str | None = None
    failure: str | None = None


class ModelWorker:
    """A process that loads the task of a run once, and answers."""

    def load(
        self, run_dir: str, digests: Mapping[str, str], directory: str, on_gpu: bool
    ) -> Loaded:
        """Load the run, if the files are those that the other process has.

        Args:
            run_dir: the run directory.
            digests: the `run_digests` of that process.
            directory: the directory to work in, where it is here too.
            on_gpu: whether there is a GPU for this process.
        """
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        with contextlib.suppress(OSError):
            os.chdir(directory)  # Where parts of a person's own are.
        import ray
        import tensorflow as tf

        import tfseq

        if not on_gpu:
            # One CPU is what it was given.
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        here = run_digests(Path(run_dir))
        node = ray.util.get_node_ip_address()
        if other := [name for name in digests | here if digests.get(name) != here.get(name)]:
            return Loaded(node, other[0])
        try:
            self._task = tfseq.load(run_dir)
        except Exception as error:
            return Loaded(node, failure=last_line(error))
        return Loaded(node)

    def answer(self, work: Work, values: tuple) -> tuple[Any, list[str]]:
        """What has been made of a part, or what is wrong with it, and its warnings."""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("default", UserWarning)
            try:
                found = work(self._task, *values)
            except InputError as error:
                found = error
        return found, [str(one.message) for one in told if one.category is UserWarning]


def last_line(error: Exception) -> str:
    """The last line of what an error says, in which Python and Ray name it."""
    cause = getattr(error, "cause", None) or error
    lines = str(cause).strip().splitlines()
    return lines[-1] if lines else type(cause).__name__
