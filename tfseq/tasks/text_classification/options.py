"""Options of a text classifier's training run."""

import dataclasses
from typing import ClassVar, Literal

from tfseq.tasks.labelled.options import LabelledOptions
from tfseq.tasks.subword_options import SubwordOptions
from tfseq.text.tokenizers.table import TokenizerName


@dataclasses.dataclass(frozen=True)
class TextClassificationOptions(SubwordOptions, LabelledOptions):
    """Train a bidirectional recurrent classifier on labelled texts, compare it with simpler
    models, and export it. --data is a .csv, .tsv or .jsonl file (.gz too). By default, the task is
    to recognise a letter's writing system from its name."""

    task: ClassVar[str] = "text_classification"

    text_field: str = "text"
    """Column or key of the text."""
    label_field: str = "label"
    """Column or key of the label; white space around a label is dropped."""
    tokenizer: TokenizerName | None = None
    """What a token is: char, word, whitespace, subword, or module:Name, your own tokenizer; if
    omitted, char for the built-in task and word for a file."""
    normalization: Literal["none", "nfkc", "letters"] = "none"
    """Normalization before the tokenizer; letters keeps only a-z and single spaces."""
    case_fold: bool = False
    """Fold case: treat upper and lower case as the same."""

    def with_defaults_filled(self) -> "TextClassificationOptions":
        """Options that were left out, and whose default depends on others, filled in.

        >>> TextClassificationOptions(data="mail.csv").with_defaults_filled().tokenizer
        'word'
        """
        tokenizer = self.tokenizer or ("char" if self.data is None else "word")
        return dataclasses.replace(self, tokenizer=tokenizer)
