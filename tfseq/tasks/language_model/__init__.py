"""A recurrent language model, from a text to a finished run."""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Evaluation": "tfseq.tasks.language_model.evaluation",
        "Evaluator": "tfseq.tasks.language_model.evaluation",
    },
)
