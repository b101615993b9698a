"""What a person trains: one folder a task. The ways in are `tfseq.train` and `tfseq.load`."""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.tasks.forecasting.options import ForecastingOptions as ForecastingOptions
    from tfseq.tasks.forecasting.task import ForecastingTask as ForecastingTask
    from tfseq.tasks.language_model.options import LanguageModelOptions as LanguageModelOptions
    from tfseq.tasks.language_model.task import LanguageModelTask as LanguageModelTask
    from tfseq.tasks.loading import load as load
    from tfseq.tasks.tagging.options import TaggingOptions as TaggingOptions
    from tfseq.tasks.tagging.task import TaggingTask as TaggingTask
    from tfseq.tasks.task import Task as Task
    from tfseq.tasks.text_classification.options import (
        TextClassificationOptions as TextClassificationOptions,
    )
    from tfseq.tasks.text_classification.task import (
        TextClassificationTask as TextClassificationTask,
    )
    from tfseq.tasks.training import train as train
else:
    __getattr__, __dir__, __all__ = attach(__name__)
