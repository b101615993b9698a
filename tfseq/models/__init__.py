"""Models of sequences: recurrent ones, built from the layers, and counts of n-grams.

Names are loaded on first use: a count model needs NumPy alone.
"""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.models.bag_of_words import BagOfWords as BagOfWords
    from tfseq.models.feed_forward_forecaster import FeedForwardForecaster as FeedForwardForecaster
    from tfseq.models.forecast_baselines import LinearAutoregression as LinearAutoregression
    from tfseq.models.forecaster import Forecaster as Forecaster
    from tfseq.models.language_model import LanguageModel as LanguageModel
    from tfseq.models.ngram.ngram_model import NGramModel as NGramModel
    from tfseq.models.tagger import Tagger as Tagger
    from tfseq.models.text_classifier import TextClassifier as TextClassifier
else:
    __getattr__, __dir__, __all__ = attach(__name__)
