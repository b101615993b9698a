"""How well a language model predicts a text that it has not learned from."""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.tasks.language_model.evaluation.evaluator import Evaluation as Evaluation
    from tfseq.tasks.language_model.evaluation.evaluator import Evaluator as Evaluator
    from tfseq.tasks.language_model.evaluation.evaluator import test_metrics as test_metrics
else:
    __getattr__, __dir__, __all__ = attach(__name__)
