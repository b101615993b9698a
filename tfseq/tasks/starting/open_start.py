"""Which start the options ask for."""

from pathlib import Path

from tfseq.options.start_options import StartOptions
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
        return ResumedStart(Path(options.run_dir))
    if options.word_vectors is not None:
        return VectorStart(options.word_vectors)
    return RunStart(options.init_from)
