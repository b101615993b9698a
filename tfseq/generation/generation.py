"""A text that a model wrote."""

from typing import NamedTuple


class Generation(NamedTuple):
    """A text that a model wrote.

    Attributes:
        text: the prompt, its invalid bytes replaced by U+FFFD, followed by the completion.
        completion: what the model added, a stop token included.
        num_tokens: the number of tokens added, that of a document's end among them.
        log_probability: log P(completion | prompt) of the model itself, natural logarithm, at
            temperature 1 and over all symbols, whatever the sampling was.
        ended: whether the model ended the document, which only a model of documents does.
        stopped: whether one of the `stop_strings` ended the text. The tokens that make it up are
            among those that `num_tokens` and `log_probability` count.
    """

    text: str
    completion: str
    num_tokens: int
    log_probability: float
    ended: bool = False
    stopped: bool = False


def generations(*columns: list) -> list:
    """`Generation`s from lists of their fields, or from lists of lists."""
    return [
        generations(*fields)
        if isinstance(fields[0], list)
        else Generation(fields[0].decode(), fields[1].decode(), *fields[2:])
        for fields in zip(*columns, strict=True)
    ]
