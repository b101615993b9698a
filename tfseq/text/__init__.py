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
    from tfseq.text.tokenizers.subword_tokenizer import SubwordTokenizer as SubwordTokenizer
    from tfseq.text.tokenizers.table import TOKENIZERS as TOKENIZERS
    from tfseq.text.tokenizers.tokenizer import Tokenizer as Tokenizer
    from tfseq.text.tokenizers.whitespace_tokenizer import (
        WhitespaceTokenizer as WhitespaceTokenizer,
    )
    from tfseq.text.tokenizers.word_tokenizer import WordTokenizer as WordTokenizer
    from tfseq.text.vocabulary import UNKNOWN as UNKNOWN
    from tfseq.text.vocabulary import Vocabulary as Vocabulary
    from tfseq.text.vocabulary_tables import VocabularyTables as VocabularyTables
else:
    __getattr__, __dir__, __all__ = attach(__name__)
