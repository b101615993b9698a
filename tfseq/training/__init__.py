"""Training, measuring and resuming models."""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Evaluation": "tfseq.training.evaluation",
        "Evaluator": "tfseq.training.evaluation",
        "ForecastOptions": "tfseq.training.forecast_options",
        "ForecastRun": "tfseq.training.forecast_run",
        "GradientNorms": "tfseq.training.gradient_norms",
        "Perplexity": "tfseq.training.perplexity",
        "Report": "tfseq.report",
        "Run": "tfseq.training.run",
        "SupervisedOptions": "tfseq.training.supervised_options",
        "SupervisedRun": "tfseq.training.supervised_run",
        "SupervisedTask": "tfseq.training.supervised_trainer",
        "TaggerOptions": "tfseq.training.tagger_options",
        "TaggerRun": "tfseq.training.tagger_run",
        "TextClassifierOptions": "tfseq.training.text_classifier_options",
        "TextClassifierRun": "tfseq.training.text_classifier_run",
        "Trainer": "tfseq.training.trainer",
        "TrainingOptions": "tfseq.training.options",
        "TrainedRun": "tfseq.training.trained_run",
        "gradient_norms_through_time": "tfseq.training.gradient_norms",
        "load_run": "tfseq.training.trained_run",
        "parse_run_options": "tfseq.training.run_options",
        "parse_training_options": "tfseq.training.options",
    },
)
