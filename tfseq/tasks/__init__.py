"""What a person trains: one folder a task."""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ForecastOptions": "tfseq.tasks.forecasting.options",
        "ForecastRun": "tfseq.tasks.forecasting.run",
        "Run": "tfseq.tasks.language_model.run",
        "TrainingOptions": "tfseq.tasks.language_model.options",
        "TrainedRun": "tfseq.tasks.language_model.trained_run",
        "load_run": "tfseq.tasks.language_model.trained_run",
        "SupervisedOptions": "tfseq.tasks.supervised.supervised_options",
        "SupervisedRun": "tfseq.tasks.supervised.supervised_run",
        "SupervisedTask": "tfseq.tasks.supervised.supervised_trainer",
        "TaggerOptions": "tfseq.tasks.tagging.options",
        "TaggerRun": "tfseq.tasks.tagging.run",
        "TextClassifierOptions": "tfseq.tasks.text_classification.options",
        "TextClassifierRun": "tfseq.tasks.text_classification.run",
        "parse_training_options": "tfseq.tasks.language_model.options",
    },
)
