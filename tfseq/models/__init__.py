"""Models of sequences: recurrent ones, built from the layers, and counts of n-grams.

Names are loaded on first use: a count model needs NumPy alone.
"""

from tfseq._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BagOfWords": "tfseq.models.bag_of_words",
        "FeedForwardForecaster": "tfseq.models.feed_forward_forecaster",
        "Forecaster": "tfseq.models.forecaster",
        "LinearAutoregression": "tfseq.models.forecast_baselines",
        "LanguageModel": "tfseq.models.language_model",
        "NGramModel": "tfseq.models.ngram.ngram_model",
        "Tagger": "tfseq.models.tagger",
        "TextClassifier": "tfseq.models.text_classifier",
    },
)
