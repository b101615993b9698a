"""The checks of a run's directory, made before any data are read."""

import dataclasses
from pathlib import Path

import keras

from tfseq.files.result_directory import check_writable, free_path
from tfseq.options.run_options import check_same_options, read_run_options
from tfseq.options.saving import absolute_paths
from tfseq.options.training_options import TrainingOptions
from tfseq.runs.run_directory import RunDirectory


def open_run(options: TrainingOptions, name: str) -> RunDirectory:
    """Look at the place of a run, and set its seed, before any data are read.

    A new run needs a free directory, one that goes on the same options.

    Args:
        options: the options, checked and with their defaults filled in.
        name: the run is `runs/NAME`, numbered if that is taken, unless `options.run_dir` says
            otherwise.

    Raises:
        InputError: the directory cannot be used, or the export could not be written.
    """
    directory = RunDirectory(Path(options.run_dir) if options.run_dir else free_path(name))
    if options.resume:
        saved = read_run_options(type(options), directory.path)
        check_same_options(saved, as_saved(options, directory.path))
    else:
        directory.check_free()
    if options.export:
        check_writable(directory.export_path(options.export_dir), "export_dir")
    keras.utils.set_random_seed(options.seed)
    return directory


def as_saved(options: TrainingOptions, path: Path) -> TrainingOptions:
    """The options as `config.json` keeps them: good from any directory, and for any start."""
    options = dataclasses.replace(options, run_dir=str(path), resume=False, config=None)
    return absolute_paths(options, names=options.names_of_data())
