"""Sentences with a tag for each token, read from column files as CoNLL's shared tasks use them."""

import os
from dataclasses import dataclass
from pathlib import Path

from tfseq.errors import InputError
from tfseq.files.column_lines import read_column_lines
from tfseq.files.text_reader import plain_name, stem


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
    """Read a column file: a token a line, an empty line between sentences.

    See `tfseq.files.column_lines` for what parts columns, and for comments. White space at the ends
    of a tag is dropped. Where the first of three or more columns counts the words, as in CoNLL-U,
    CoNLL-X and CoNLL-2009, and in `.conllu` files, ranges of words (`3-4`) and empty nodes (`3.1`)
    are passed over.

    Args:
        path: the file, UTF-8, perhaps compressed (`.gz`).
        token_column: the column of the token, the first being 1.
        tag_column: the column of the tag; None takes the last.

    Raises:
        InputError: the file cannot be read, a line has more or fewer columns than the others,
            nothing parts the sentences, or the tokens would be numbers of words. It names the line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     file = Path(place, "names.conll")
    ...     _ = file.write_text("Ada N B-PER\\nLovelace N I-PER\\nwrote V O\\n\\nWell X O\\n")
    ...     sentences = read_conll(file)
    >>> sentences.tokens, sentences.tags
    ((('Ada', 'Lovelace', 'wrote'), ('Well',)), (('B-PER', 'I-PER', 'O'), ('O',)))
    """
    path = Path(path)
    lines = read_column_lines(path, universal=plain_name(path).endswith(".conllu"))
    if not lines.tokens:
        raise InputError(f"{path} has no sentence.")
    needed = max(token_column, tag_column or 2)
    for line in lines.tokens:
        if len(line.columns) < needed:
            raise line.error(path, f"a line must have at least {needed} columns.")
        for column in (token_column, tag_column or len(line.columns)):
            if not line.columns[column - 1].strip(" " if column == token_column else None):
                raise line.error(path, f"column {column} is empty.")
    if lines.counted and token_column == 1:
        raise InputError(
            f"{path}: its first column numbers the words. Give 2 as `token_column`, and the "
            "tag's column as `tag_column`: the part of speech is column 4 in CoNLL-U and CoNLL-X, "
            "and 5 in CoNLL-2009."
        )
    sentences, sentence, number = [], None, None
    for line in lines.tokens:
        if line.sentence != number:
            number, sentence = line.sentence, []
            sentences.append(sentence)
        token, tag = line.columns[token_column - 1], line.columns[(tag_column or 0) - 1]
        sentence.append((token, tag.strip()))
    if not lines.has_breaks and len(lines.tokens) > 1:
        raise InputError(
            f"{path} has no empty line: its {len(lines.tokens):,} tokens would be one sentence. "
            "Sentences are separated by empty lines."
        )
    return LabelledSentences(
        stem(path),
        tuple(tuple(token for token, _ in s) for s in sentences),
        tuple(tuple(tag for _, tag in s) for s in sentences),
    )
