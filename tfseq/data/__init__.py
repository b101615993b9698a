"""The way from a corpus, or a series of numbers, to batches as `tf.data`."""

from tfseq.data.encoded_corpus import EncodedCorpus
from tfseq.data.encoding import encode_corpus
from tfseq.data.evaluation import evaluation_windows
from tfseq.data.series.series import Series, noisy_sine
from tfseq.data.series.series_batches import series_batches
from tfseq.data.series.series_file import read_series
from tfseq.data.series.series_windows import SeriesSplit, split_series
from tfseq.data.varied_windows import varied_windows, window_lengths
from tfseq.data.windows import num_batches, random_windows, sequential_windows

__all__ = [
    "EncodedCorpus",
    "Series",
    "SeriesSplit",
    "encode_corpus",
    "evaluation_windows",
    "noisy_sine",
    "num_batches",
    "random_windows",
    "read_series",
    "sequential_windows",
    "series_batches",
    "split_series",
    "varied_windows",
    "window_lengths",
]
