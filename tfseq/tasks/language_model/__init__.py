"""A recurrent language model, from a text to a finished run."""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.tasks.language_model.adaptive_settings import CacheSettings as CacheSettings
    from tfseq.tasks.language_model.adaptive_settings import DynamicSettings as DynamicSettings
    from tfseq.tasks.language_model.dynamic_evaluation import DynamicEvaluator as DynamicEvaluator
    from tfseq.tasks.language_model.evaluation import Evaluation as Evaluation
    from tfseq.tasks.language_model.evaluation import Evaluator as Evaluator
    from tfseq.tasks.language_model.neural_cache import CacheEvaluator as CacheEvaluator
else:
    __getattr__, __dir__, __all__ = attach(__name__)
