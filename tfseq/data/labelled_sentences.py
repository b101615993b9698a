"""Sentences with a tag for each token, read from column files as CoNLL's shared tasks use them."""

import os
from dataclasses import dataclass
from pathlib import Path

from tfseq.data.labelled_texts import open_text, read_failure
from tfseq.errors import InputError


@dataclass(frozen=True)
class LabelledSentences:
    """Sentences and the tags of their tokens, in the order of the file.

    Attributes:
        name: what they are called in messages, and the run after them.
        tokens: the tokens of each sentence.
        tags: the tags of each sentence, as many.
    """

    name: str
    tokens: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[str, ...], ...]


def read_conll(
    path: str | os.PathLike, token_column: int = 1, tag_column: int | None = None
) -> LabelledSentences:
    """Read a column file: a token a line, columns parted by white space, sentences by empty lines.

    Lines that begin with `-DOCSTART-` are passed over. In a `.conllu` file columns are parted by
    tabs, and comments, ranges of words (`3-4`) and empty nodes (`3.1`) are passed over.

    Args:
        path: the file, UTF-8, perhaps compressed (`.gz`).
        token_column: the column of the token, the first being 1.
        tag_column: the column of the tag; None takes the last.

    Raises:
        InputError: the file cannot be read, or a line has too few columns. It names the line.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     file = Path(place, "names.conll")
    ...     _ = file.write_text("Ada N B-PER\\nLovelace N I-PER\\nwrote V O\\n\\nWell X O\\n")
    ...     sentences = read_conll(file)
    >>> sentences.tokens, sentences.tags
    ((('Ada', 'Lovelace', 'wrote'), ('Well',)), (('B-PER', 'I-PER', 'O'), ('O',)))
    """
    path = Path(path)
    name = path.name.removesuffix(".gz")
    universal = name.endswith(".conllu")
    sentences, sentence = [], []
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                columns = line.split()
                if universal and columns:
                    columns = [column.strip() for column in line.split("\t")]
                    if line[0] == "#" or not columns[0].isdecimal():
                        continue
                if not columns or columns[0] == "-DOCSTART-":
                    sentences.append(sentence)
                    sentence = []
                    continue
                if len(columns) < max(token_column, tag_column or 2):
                    needed = max(token_column, tag_column or 2)
                    raise InputError(
                        f"{path}:{number}: a line must have at least {needed} columns. "
                        f"Received: {line.rstrip()!r}."
                    )
                sentence.append((columns[token_column - 1], columns[(tag_column or 0) - 1]))
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise read_failure(path, error) from None
    sentences = [s for s in [*sentences, sentence] if s]
    if not sentences:
        raise InputError(f"{path} holds no sentence.")
    return LabelledSentences(
        name.rpartition(".")[0] or path.name,
        tuple(tuple(token for token, _ in s) for s in sentences),
        tuple(tuple(tag for _, tag in s) for s in sentences),
    )
