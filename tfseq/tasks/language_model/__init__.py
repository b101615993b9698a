"""A recurrent language model, from a text to a finished run."""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.tasks.language_model.evaluation import Evaluation as Evaluation
    from tfseq.tasks.language_model.evaluation import Evaluator as Evaluator
else:
    __getattr__, __dir__, __all__ = attach(__name__)
