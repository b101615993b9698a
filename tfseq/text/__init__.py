"""Corpora, tokenizers, vocabulary and token counts."""

from tfseq.text.corpora.corpus import Corpus
from tfseq.text.corpora.corpus_opening import open_corpus
from tfseq.text.corpora.downloads import cache_directory
from tfseq.text.corpora.named_corpora import CORPUS_NAMES
from tfseq.text.counting import TokenCounts, count_tokens
from tfseq.text.normalization import NORMALIZATIONS, normalize
from tfseq.text.tokenizers.char_tokenizer import CharTokenizer
from tfseq.text.tokenizers.table import make_tokenizer
from tfseq.text.tokenizers.tokenizer import Tokenizer
from tfseq.text.tokenizers.word_tokenizer import WordTokenizer
from tfseq.text.vocabulary import UNKNOWN, Vocabulary
from tfseq.text.vocabulary_tables import VocabularyTables

__all__ = [
    "CORPUS_NAMES",
    "NORMALIZATIONS",
    "UNKNOWN",
    "CharTokenizer",
    "Corpus",
    "TokenCounts",
    "Tokenizer",
    "Vocabulary",
    "VocabularyTables",
    "WordTokenizer",
    "cache_directory",
    "count_tokens",
    "make_tokenizer",
    "normalize",
    "open_corpus",
]
