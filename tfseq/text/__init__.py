"""Corpora, tokenizers, vocabulary, token counts and statistics."""

from tfseq.text.char_tokenizer import CharTokenizer
from tfseq.text.corpus import Corpus
from tfseq.text.corpus_opening import open_corpus
from tfseq.text.counting import TokenCounts, count_tokens
from tfseq.text.downloads import cache_directory
from tfseq.text.named_corpora import CORPUS_NAMES
from tfseq.text.normalization import NORMALIZATIONS, normalize
from tfseq.text.statistics import CorpusStatistics, corpus_statistics
from tfseq.text.tokenizer import Tokenizer
from tfseq.text.tokenizers import make_tokenizer
from tfseq.text.vocabulary import UNKNOWN, Vocabulary
from tfseq.text.vocabulary_tables import VocabularyTables
from tfseq.text.word_tokenizer import WordTokenizer

__all__ = [
    "CORPUS_NAMES",
    "NORMALIZATIONS",
    "UNKNOWN",
    "CharTokenizer",
    "Corpus",
    "CorpusStatistics",
    "TokenCounts",
    "Tokenizer",
    "Vocabulary",
    "VocabularyTables",
    "WordTokenizer",
    "cache_directory",
    "corpus_statistics",
    "count_tokens",
    "make_tokenizer",
    "normalize",
    "open_corpus",
]
