"""tfseq: recurrent sequence models, from text to a SavedModel that TensorFlow Serving runs.

Public names are loaded on first use, so that importing `tfseq` costs nothing and `tfseq.cells`
and `tfseq.layers` need Keras alone, on any of its backends.
"""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tfseq import analysis as analysis
    from tfseq import cells as cells
    from tfseq import cluster as cluster
    from tfseq import data as data
    from tfseq import files as files
    from tfseq import fit as fit
    from tfseq import generation as generation
    from tfseq import interop as interop
    from tfseq import layers as layers
    from tfseq import metrics as metrics
    from tfseq import models as models
    from tfseq import options as options
    from tfseq import report as report
    from tfseq import runs as runs
    from tfseq import serving as serving
    from tfseq import tasks as tasks
    from tfseq import text as text
    from tfseq.cells import GRUCell as GRUCell
    from tfseq.cells import LSTMCell as LSTMCell
    from tfseq.cells import SimpleRNNCell as SimpleRNNCell
    from tfseq.data import random_windows as random_windows
    from tfseq.data import sequential_windows as sequential_windows
    from tfseq.errors import InputError as InputError
    from tfseq.layers import RNN as RNN
    from tfseq.layers import RecurrentStack as RecurrentStack
    from tfseq.models import Forecaster as Forecaster
    from tfseq.models import LanguageModel as LanguageModel
    from tfseq.models import NGramModel as NGramModel
    from tfseq.models import Tagger as Tagger
    from tfseq.models import TextClassifier as TextClassifier
    from tfseq.options.freed_memory import keep_freed_memory as keep_freed_memory
    from tfseq.tasks import ForecastingOptions as ForecastingOptions
    from tfseq.tasks import LanguageModelOptions as LanguageModelOptions
    from tfseq.tasks import TaggingOptions as TaggingOptions
    from tfseq.tasks import Task as Task
    from tfseq.tasks import TextClassificationOptions as TextClassificationOptions
    from tfseq.tasks import load as load
    from tfseq.tasks import train as train
    from tfseq.text import CharTokenizer as CharTokenizer
    from tfseq.text import SubwordTokenizer as SubwordTokenizer
    from tfseq.text import Vocabulary as Vocabulary
    from tfseq.text import WhitespaceTokenizer as WhitespaceTokenizer
    from tfseq.text import WordTokenizer as WordTokenizer
else:
    __getattr__, __dir__, __all__ = attach(__name__)
