"""Training of a text classifier, from labelled texts to metrics beside simpler models."""

from collections.abc import Callable

from tfseq.runs.open_run import as_saved, open_run
from tfseq.tasks.labelled.training import LabelledTraining, make_training
from tfseq.tasks.task import short_name
from tfseq.tasks.text_classification.examples import TextExamples
from tfseq.tasks.text_classification.options import TextClassificationOptions
from tfseq.tasks.text_classification.task import TextClassificationTask, build_model, read_texts


def prepare(
    options: TextClassificationOptions, log: Callable[[str], None] = print
) -> LabelledTraining:
    """Read the texts, split them at random, count the tokens of the training split.

    Raises:
        InputError: the texts, the run directory or its checkpoints cannot be used.
    """
    options = options.with_defaults_filled()
    data = read_texts(options)
    directory = open_run(options, f"{data.name}_{short_name(options.cell)}")
    examples = TextExamples(data, options)
    model = build_model(options, len(examples.vocabulary), len(examples.labels))
    task = TextClassificationTask(
        directory,
        as_saved(options, directory.path),
        model,
        examples.tokenizer,
        examples.vocabulary,
        examples.labels,
    )
    return make_training(options, task, examples, "labels.json", log)
