"""Training of a text classifier, from labelled texts to metrics beside simpler models."""

from collections.abc import Callable

from tfseq.serving.signatures.in_graph import OR_NO_EXPORT, check_in_graph
from tfseq.tasks.labelled.training import LabelledTraining, prepare_labelled
from tfseq.tasks.starting.open_start import open_start
from tfseq.tasks.task import tokenizer_of
from tfseq.tasks.text_classification.options import TextClassificationOptions
from tfseq.tasks.text_classification.task import TextClassificationTask


def prepare(
    options: TextClassificationOptions, log: Callable[[str], None] = print
) -> LabelledTraining:
    """Read the texts, split them at random, count the tokens of the training split.

    Raises:
        InputError: the texts, the run directory or its checkpoints cannot be used, or the
            tokenizer cannot be exported.
    """
    start = open_start(options)
    options = start.with_shape(options).with_defaults_filled()
    options.check_subwords()
    if options.export and options.tokenizer != "subword":
        check_in_graph(tokenizer_of(options), "tokenize", advice=OR_NO_EXPORT)
    return prepare_labelled(TextClassificationTask, options, log, start)
