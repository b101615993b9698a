"""Statistics of a text, and how far gradients reach through time."""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.analysis.gradient_norms import GradientNorms as GradientNorms
    from tfseq.analysis.gradient_norms import (
        gradient_norms_through_time as gradient_norms_through_time,
    )
    from tfseq.analysis.ngram_statistics import CorpusStatistics as CorpusStatistics
    from tfseq.analysis.ngram_statistics import corpus_statistics as corpus_statistics
else:
    __getattr__, __dir__, __all__ = attach(__name__)
