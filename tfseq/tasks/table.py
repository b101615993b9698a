"""The tasks: what each is, and what prepares its training."""

from tfseq.options.parts import PartTable

#: What `load` gives for a run. A new task is a folder, with a line in each table here and one in
#: `TASK_NAMES`.
TASKS = PartTable(
    "task",
    {
        "language_model": "tfseq.tasks.language_model.task:LanguageModelTask",
        "text_classification": "tfseq.tasks.text_classification.task:TextClassificationTask",
        "tagging": "tfseq.tasks.tagging.task:TaggingTask",
        "forecasting": "tfseq.tasks.forecasting.task:ForecastingTask",
    },
)
#: (options, log) -> a `Training`: all that can be wrong has been looked at, nothing written.
PREPARATIONS = PartTable(
    "task", {name: f"tfseq.tasks.{name}.training:prepare" for name in TASKS.built_in}
)
