"""Options of a text that is many documents."""

import dataclasses
from typing import Annotated, Literal

from tfseq.errors import InputError
from tfseq.options.rules import Rule

_Documents = Annotated[str, Rule("files, records, or a marker", lambda v: v != "")]


@dataclasses.dataclass(frozen=True)
class DocumentOptions:
    """What is a document, and which split it is of."""

    documents: _Documents | None = None
    """Learn documents, each from the zero state, with a begin and an end token: files, each file
    one; records, those of .jsonl files, or the topics of python_docs; or the marker that stands
    between them, such as <|endoftext|>. If omitted, all is one text."""
    split: Literal["order", "shuffled"] = "order"
    """Which documents are the validation and test splits: order, the last ones; shuffled, those
    that --seed draws."""

    def check_documents(self) -> None:
        """Raise InputError where the options ask for documents and do not say what they are."""
        if self.split != "order" and self.documents is None:
            raise InputError(
                "`split` shuffled needs `documents`, which are drawn: one long text is split at "
                "its end."
            )
