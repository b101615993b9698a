"""Corpora, tokenizers, vocabulary and token counts.

Names are loaded on first use: a list of the tokenizers needs no TensorFlow.
"""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.text.corpora.corpus import Corpus as Corpus
    from tfseq.text.corpora.corpus_opening import open_corpus as open_corpus
    from tfseq.text.corpora.downloads import cache_directory as cache_directory
    from tfseq.text.corpora.named_corpora import CORPUS_NAMES as CORPUS_NAMES
    from tfseq.text.counting import count_tokens as count_tokens
    from tfseq.text.normalization import normalize as normalize
    from tfseq.text.tokenizers.char_tokenizer import CharTokenizer as CharTokenizer
    from tfseq.text.tokenizers.make_tokenizer import make_tokenizer as make_tokenizer
    from tfseq.text.tokenizers.table import TOKENIZERS as TOKENIZERS
    from tfseq.text.tokenizers.tokenizer import Tokenizer as Tokenizer
    from tfseq.text.tokenizers.word_tokenizer import WordTokenizer as WordTokenizer
    from tfseq.text.vocabulary import UNKNOWN as UNKNOWN
    from tfseq.text.vocabulary import Vocabulary as Vocabulary
    from tfseq.text.vocabulary_tables import VocabularyTables as VocabularyTables

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CORPUS_NAMES": "tfseq.text.corpora.named_corpora",
        "CharTokenizer": "tfseq.text.tokenizers.char_tokenizer",
        "Corpus": "tfseq.text.corpora.corpus",
        "TOKENIZERS": "tfseq.text.tokenizers.table",
        "Tokenizer": "tfseq.text.tokenizers.tokenizer",
        "UNKNOWN": "tfseq.text.vocabulary",
        "Vocabulary": "tfseq.text.vocabulary",
        "VocabularyTables": "tfseq.text.vocabulary_tables",
        "WordTokenizer": "tfseq.text.tokenizers.word_tokenizer",
        "cache_directory": "tfseq.text.corpora.downloads",
        "count_tokens": "tfseq.text.counting",
        "make_tokenizer": "tfseq.text.tokenizers.make_tokenizer",
        "normalize": "tfseq.text.normalization",
        "open_corpus": "tfseq.text.corpora.corpus_opening",
    },
)
