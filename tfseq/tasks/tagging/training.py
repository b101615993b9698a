"""Training of a tagger, from sentences in columns to metrics beside a simpler model."""

from collections.abc import Callable

from tfseq.tasks.labelled.training import LabelledTraining, prepare_labelled
from tfseq.tasks.starting.open_start import open_start
from tfseq.tasks.tagging.options import TaggingOptions
from tfseq.tasks.tagging.task import TaggingTask


def prepare(options: TaggingOptions, log: Callable[[str], None] = print) -> LabelledTraining:
    """Read the sentences, split them at random, count the tokens of the training split.

    Raises:
        InputError: the sentences, the run directory or its checkpoints cannot be used.
    """
    start = open_start(options)
    return prepare_labelled(TaggingTask, start.with_shape(options), log, start)
