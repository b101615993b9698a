"""Figures of how good predictions are."""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Perplexity": "tfseq.metrics.perplexity",
    },
)
