"""Metrics: how good predictions are."""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Perplexity": "tfseq.metrics.perplexity",
        "bits": "tfseq.metrics.perplexity",
        "accuracy": "tfseq.metrics.classification",
        "confusion_matrix": "tfseq.metrics.classification",
        "f1_scores": "tfseq.metrics.classification",
        "macro_f1": "tfseq.metrics.classification",
        "names_spans": "tfseq.metrics.span_f1",
        "span_scores": "tfseq.metrics.span_f1",
        "spans": "tfseq.metrics.span_f1",
        "mase": "tfseq.metrics.forecasting",
        "rmse": "tfseq.metrics.forecasting",
    },
)
