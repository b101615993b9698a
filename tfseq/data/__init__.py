"""Token ids on disk, and windows of them as `tf.data`: the way from a corpus to batches."""

from tfseq.data.encoded_corpus import EncodedCorpus
from tfseq.data.encoding import encode_corpus
from tfseq.data.evaluation import evaluation_windows
from tfseq.data.windows import num_batches, random_windows, sequential_windows

__all__ = [
    "EncodedCorpus",
    "encode_corpus",
    "evaluation_windows",
    "num_batches",
    "random_windows",
    "sequential_windows",
]
