"""Options of a tagger's training run."""

import dataclasses
from typing import ClassVar

from tfseq.options.rules import PositiveInt
from tfseq.tasks.labelled.options import LabelledOptions


@dataclasses.dataclass(frozen=True)
class TaggingOptions(LabelledOptions):
    """Train a bidirectional recurrent tagger on sentences with a tag for each token, compare it
    with the most frequent tag of each token, and export it. --data is a column file in CoNLL format
    (.gz too), with an empty line between sentences. By default, the task is to tag what each name
    in a line of Python code stands for."""

    task: ClassVar[str] = "tagging"

    token_column: PositiveInt = 1
    """Column of the token, counted from 1; in a .conllu file, the words are in column 2."""
    tag_column: PositiveInt | None = None
    """Column of the tag; if omitted, the last."""
    min_frequency: PositiveInt = 2
    """Tokens with a lower count in the training split become <unk>."""
