"""Which start the options ask for."""

import os
from pathlib import Path

from tfseq.errors import InputError
from tfseq.interop.weight_files import is_weight_file
from tfseq.options.run_options import has_config, read_config
from tfseq.options.start_options import StartOptions
from tfseq.tasks.starting.file_start import FileStart
from tfseq.tasks.starting.run_start import RunStart
from tfseq.tasks.starting.start import ResumedStart, Start
from tfseq.tasks.starting.vector_start import VectorStart


def open_start(options: StartOptions) -> Start:
    """The start that the options ask for; nothing is read yet that takes long.

    A run that goes on starts where it was begun: what it was begun from may be gone.

    Raises:
        InputError: there is nothing to start from, or it is of another kind.
    """
    options.check_start()
    if options.init_from is None and options.word_vectors is None:
        return Start()
    if options.resume:
        return ResumedStart(Path(options.run_dir)) if _began_from_something(options) else Start()
    if options.word_vectors is not None:
        return VectorStart(options.word_vectors)
    if not os.path.isdir(options.init_from) and is_weight_file(Path(options.init_from)):
        return FileStart(options.init_from, options.init_vocabulary)
    if options.init_vocabulary is not None:
        raise InputError(
            f"`init_vocabulary` must be left out: the run {options.init_from} has its own. "
            f"Received: {options.init_vocabulary}."
        )
    return RunStart(options.init_from)


def _began_from_something(options: StartOptions) -> bool:
    """Whether the run that goes on has a start of its own; what else is wrong is told later."""
    if not options.run_dir or not has_config(options.run_dir):
        return False
    config = read_config(options.run_dir)
    return any(config.get(name) is not None for name in ("init_from", "word_vectors"))
