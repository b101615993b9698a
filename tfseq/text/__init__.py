"""Corpora, tokenizers, vocabulary and token counts."""

from tfseq.text.char_tokenizer import CharTokenizer
from tfseq.text.corpus import Corpus, open_corpus
from tfseq.text.counting import TokenCounts, count_tokens
from tfseq.text.normalization import normalize
from tfseq.text.tokenizer import Tokenizer
from tfseq.text.tokenizers import make_tokenizer
from tfseq.text.vocabulary import Vocabulary
from tfseq.text.vocabulary_tables import VocabularyTables
from tfseq.text.word_tokenizer import WordTokenizer

__all__ = [
    "CharTokenizer",
    "Corpus",
    "TokenCounts",
    "Tokenizer",
    "Vocabulary",
    "VocabularyTables",
    "WordTokenizer",
    "count_tokens",
    "make_tokenizer",
    "normalize",
    "open_corpus",
]
