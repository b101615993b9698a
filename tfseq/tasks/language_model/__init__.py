"""A recurrent language model, from a text to a finished run."""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.tasks.language_model.evaluation.adaptive_settings import (
        CacheSettings as CacheSettings,
    )
    from tfseq.tasks.language_model.evaluation.adaptive_settings import (
        DynamicSettings as DynamicSettings,
    )
    from tfseq.tasks.language_model.evaluation.dynamic_evaluation import (
        DynamicEvaluator as DynamicEvaluator,
    )
    from tfseq.tasks.language_model.evaluation.evaluator import Evaluation as Evaluation
    from tfseq.tasks.language_model.evaluation.evaluator import Evaluator as Evaluator
    from tfseq.tasks.language_model.evaluation.neural_cache import CacheEvaluator as CacheEvaluator
else:
    __getattr__, __dir__, __all__ = attach(__name__)
