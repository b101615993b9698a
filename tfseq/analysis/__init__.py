"""Statistics of a text, and how far gradients reach through time."""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CorpusStatistics": "tfseq.analysis.ngram_statistics",
        "corpus_statistics": "tfseq.analysis.ngram_statistics",
        "GradientNorms": "tfseq.analysis.gradient_norms",
        "gradient_norms_through_time": "tfseq.analysis.gradient_norms",
    },
)
