"""What the tasks are called, and the script that trains each."""

from collections.abc import Mapping
from typing import NamedTuple


class TaskName(NamedTuple):
    """The names of a task.

    Attributes:
        model: what is trained, with its article.
        script: the script that trains it and goes on with it.
        option: an option that this task alone has: runs once did not say of which task they are.
    """

    model: str
    script: str
    option: str


#: By the name that `config.json` holds as `task`, which is that of the folder under tasks/.
TASK_NAMES = {
    "language_model": TaskName("a language model", "train_language_model.py", "sampling"),
    "text_classification": TaskName("a text classifier", "train_text_classifier.py", "label_field"),
    "tagging": TaskName("a tagger", "train_tagger.py", "tag_column"),
    "forecasting": TaskName("a forecaster", "forecast_series.py", "horizon"),
}


def task_of(config: Mapping) -> str | None:
    """The task of the run that has this `config.json`; None if it is none of ours.

    >>> task_of({"task": "tagging"}), task_of({"epochs": 3, "horizon": 40})
    ('tagging', 'forecasting')
    """
    if "task" in config:
        return str(config["task"])
    return next((task for task, name in TASK_NAMES.items() if name.option in config), None)
