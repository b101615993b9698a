"""Metrics: how good predictions are."""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.metrics.classification import accuracy as accuracy
    from tfseq.metrics.classification import confusion_matrix as confusion_matrix
    from tfseq.metrics.classification import f1_scores as f1_scores
    from tfseq.metrics.classification import macro_f1 as macro_f1
    from tfseq.metrics.forecasting import mase as mase
    from tfseq.metrics.forecasting import rmse as rmse
    from tfseq.metrics.perplexity import Perplexity as Perplexity
    from tfseq.metrics.perplexity import bits as bits
    from tfseq.metrics.span_f1 import names_spans as names_spans
    from tfseq.metrics.span_f1 import span_scores as span_scores
    from tfseq.metrics.span_f1 import spans as spans
else:
    __getattr__, __dir__, __all__ = attach(__name__)
