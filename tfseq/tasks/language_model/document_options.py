"""Options of a text that is many documents."""

import dataclasses
from typing import Annotated, Any, Literal

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
        options: Any = self
        if self.documents and options.tokenizer == "subword" and options.max_tokens is not None:
            raise InputError(
                "`max_tokens` must be left out with `documents` and the tokenizer subword: the "
                "subwords are learned from the training documents, all of them. "
                f"Received: {options.max_tokens}."
            )
        if self.split != "order" and self.documents is None:
            raise InputError(
                "`split` shuffled needs `documents`, which are drawn: one long text is split at "
                "its end."
            )
