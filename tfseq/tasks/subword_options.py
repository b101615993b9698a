"""Options of a tokenizer that learns subwords."""

import dataclasses
from typing import Annotated, Any

from tfseq.errors import InputError
from tfseq.options.rules import FreeOnResume, PathText, Rule

_VocabularySize = Annotated[
    int, Rule("an integer from 270 to 1000000", lambda size: 270 <= size <= 1_000_000)
]


@dataclasses.dataclass(frozen=True)
class SubwordOptions:
    """Which subwords there are; with the tokenizer subword."""

    vocabulary_size: _VocabularySize | None = None
    """Symbols of the tokenizer subword, 256 bytes and <unk> among them; if omitted, one for every
    200 characters of the training text, from 1,000 to 8,000, but no more than the text allows."""
    subword_model: FreeOnResume[PathText | None] = None
    """A SentencePiece model of your own for the tokenizer subword, in place of one that is learned
    from the training text."""

    def check_subwords(self) -> None:
        """Raise where options of one tokenizer are given with another."""
        options: Any = self
        if options.tokenizer != "subword":
            for name in ("vocabulary_size", "subword_model"):
                if getattr(self, name) is not None:
                    instead = "; `max_vocabulary` limits others" if name[0] == "v" else ""
                    raise InputError(
                        f"`{name}` is of the tokenizer subword{instead}. Received: "
                        f"{getattr(self, name)!r} with the tokenizer {options.tokenizer}."
                    )
            return
        if self.vocabulary_size is not None and self.subword_model is not None:
            raise InputError(
                "`vocabulary_size` must be left out where `subword_model` names a model: that has "
                f"a size of its own. Received: {self.vocabulary_size}."
            )
        for name, default in (("min_frequency", 1), ("max_vocabulary", None), ("line_ends", False)):
            value = getattr(self, name, default)
            if value != default:
                raise InputError(
                    f"`{name}` must be left out with the tokenizer subword, whose vocabulary is "
                    f"that of its model; `vocabulary_size` sets its size. Received: {value!r}."
                )
