"""Training of a tagger, from sentences in columns to metrics beside a simpler model."""

from collections.abc import Callable

from tfseq.runs.open_run import as_saved, open_run
from tfseq.tasks.labelled.training import LabelledTraining, make_training
from tfseq.tasks.tagging.examples import SentenceExamples
from tfseq.tasks.tagging.options import TaggingOptions
from tfseq.tasks.tagging.task import TaggingTask, build_model, read_sentences
from tfseq.tasks.task import short_name


def prepare(options: TaggingOptions, log: Callable[[str], None] = print) -> LabelledTraining:
    """Read the sentences, split them at random, count the tokens of the training split.

    Raises:
        InputError: the sentences, the run directory or its checkpoints cannot be used.
    """
    data = read_sentences(options)
    directory = open_run(options, f"{data.name}_{short_name(options.cell)}")
    examples = SentenceExamples(data, options)
    model = build_model(options, len(examples.vocabulary), len(examples.labels))
    task = TaggingTask(
        directory,
        as_saved(options, directory.path),
        model,
        vocabulary=examples.vocabulary,
        labels=examples.labels,
    )
    return make_training(options, task, examples, "tags.json", log)
