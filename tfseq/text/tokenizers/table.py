"""The tokenizers that an option names. Needs no TensorFlow."""

from typing import Annotated

from tfseq.options.parts import Part, PartTable

TOKENIZERS = PartTable(
    "tokenizer",
    {
        "char": "tfseq.text:CharTokenizer",
        "word": "tfseq.text:WordTokenizer",
        "whitespace": "tfseq.text:WhitespaceTokenizer",
        "subword": "tfseq.text:SubwordTokenizer",
    },
)
TokenizerName = Annotated[Part, TOKENIZERS.rule]
