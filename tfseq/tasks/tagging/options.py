"""What a run of a tagger can be told."""

import dataclasses
from typing import ClassVar

from tfseq.options.rules import PositiveInt
from tfseq.tasks.labelled.options import LabelledOptions


@dataclasses.dataclass(frozen=True)
class TaggingOptions(LabelledOptions):
    """Train a bidirectional recurrent tagger on sentences with a tag for each token; compare it
    with the most frequent tag of each token, and export it. --data is a column file as CoNLL's
    (.gz too), with an empty line between sentences; left out, the task is to tell what the names in
    a line of Python code stand for."""

    task: ClassVar[str] = "tagging"

    token_column: PositiveInt = 1
    """Column of the token, the first being 1; in a .conllu file words are in column 2."""
    tag_column: PositiveInt | None = None
    """Column of the tag; left out, the last."""
    min_frequency: PositiveInt = 2
    """Tokens that are rarer in the training sentences become <unk>."""
