"""From options to a trained task: `tfseq.train`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, overload

from tfseq.errors import InputError
from tfseq.options.rules import check_options
from tfseq.options.saving import normalized
from tfseq.options.training_options import TrainingOptions
from tfseq.tasks.table import PREPARATIONS

if TYPE_CHECKING:
    from tfseq.tasks.forecasting.options import ForecastingOptions
    from tfseq.tasks.forecasting.task import ForecastingTask
    from tfseq.tasks.language_model.options import LanguageModelOptions
    from tfseq.tasks.language_model.task import LanguageModelTask
    from tfseq.tasks.tagging.options import TaggingOptions
    from tfseq.tasks.tagging.task import TaggingTask
    from tfseq.tasks.task import Task
    from tfseq.tasks.text_classification.options import TextClassificationOptions
    from tfseq.tasks.text_classification.task import TextClassificationTask

Log = Callable[[str], None]


@overload
def train(options: "LanguageModelOptions", log: Log = print) -> "LanguageModelTask": ...
@overload
def train(options: "TextClassificationOptions", log: Log = print) -> "TextClassificationTask": ...
@overload
def train(options: "TaggingOptions", log: Log = print) -> "TaggingTask": ...
@overload
def train(options: "ForecastingOptions", log: Log = print) -> "ForecastingTask": ...
@overload
def train(options: TrainingOptions, log: Log = print) -> "Task": ...
def train(options: TrainingOptions, log: Log = print) -> "Task":
    """Train a model, or go on with a run, and return it with all that goes with it.

    It does what the script of the task does: the same run directory, the same export. For the whole
    process it makes TensorFlow's operations deterministic, and sets Keras' global seed to that of
    the options.

    Args:
        options: `LanguageModelOptions`, `TextClassificationOptions`, `TaggingOptions` or
            `ForecastingOptions`.
        log: where messages go, one line each.

    Raises:
        TypeError: they are no such options.
        InputError: the options, the data or the run directory cannot be used. Nothing has been
            written then.
        DivergenceError: training has left the finite numbers.

    Example:

    >>> import tempfile, tfseq
    >>> with tempfile.TemporaryDirectory() as place:
    ...     options = tfseq.ForecastingOptions(
    ...         run_dir=f"{place}/sine", export=False, epochs=1, units=4, verbose="quiet"
    ...     )
    ...     task = tfseq.train(options, log=lambda line: None)
    ...     task.predict([0.0, 0.3, 0.6], horizon=2).shape
    (2, 1)
    """
    if not isinstance(options, TrainingOptions):
        raise TypeError(
            "`options` must be LanguageModelOptions, TextClassificationOptions, TaggingOptions or "
            f"ForecastingOptions. Received: {options!r}."
        )
    if options.config is not None:
        raise InputError(
            "`config` is read by the scripts alone; in Python, give the options themselves. "
            f"Received: {options.config!r}."
        )
    options = normalized(options)
    check_options(options)
    # Imported here: a script that only shows its options does not wait for it.
    from tfseq.tasks.cluster_training import workers_of

    with workers_of(options, log) as elsewhere:
        training = PREPARATIONS.find(options.task)(options, log)
        run, task = training.run, training.task
        log(training.summary())
        # Imported here: a script that only shows its options does not wait for TensorFlow.
        from tfseq.runs.mixed_precision import why_not_faster

        if reason := why_not_faster(options.precision, run.trainer.batch_spec):
            log(f"note: {reason}\n")
        metrics = run.fit(training.evaluate, elsewhere and (lambda: elsewhere(run)))
    log(f"\n{training.result(metrics)}\n")
    log(f"run       {run.directory.path}")
    if run.options.report:
        with run.going_on():
            log(f"report    {training.report(metrics).write(run.directory.report)}")
    run.export(task.export)
    return task
