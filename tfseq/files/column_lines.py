"""Lines of a column file: which are tokens, which are comments, and what parts their columns."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tfseq.errors import InputError
from tfseq.files.text_reader import read_lines

# `# text = ...`, and what CoNLL-U writes besides. Then where CoNLL-2003 and 2012 begin a document.
_COMMENT = re.compile(r"# *[\w.:-]+ *=( |$)|# *(newdoc|newpar)( |$)|#+$")
_DOCUMENT = re.compile(r"-DOCSTART-([ \t]|$)|# ?(begin|end) document( |$)")
_WORD_NUMBER = re.compile(r"[0-9]+")
_SKIPPED_NUMBER = re.compile(r"[0-9]+[-.][0-9]+")
# A word's number, the word and its tag; where there are this many columns, one word is enough to
# see that they are those of a treebank.
_COUNTED_COLUMNS, _TREEBANK_COLUMNS = 3, 10


class ColumnLine(NamedTuple):
    """A token's line: its number in the file, from 1; the sentence that it is in; its text without
    white space at the end; what is in its columns.
    """

    number: int
    sentence: int
    text: str
    columns: list[str]

    def error(self, path: Path, words: str) -> InputError:
        """What is wrong with the line."""
        return InputError(f"{path}:{self.number}: {words} Received: {self.text!r}.")


@dataclass(frozen=True)
class ColumnLines:
    """The lines of the tokens, all with equally many columns; whether the first column numbers the
    words of each sentence, as in CoNLL-U; whether any line parts sentences.
    """

    tokens: list[ColumnLine]
    counted: bool
    has_breaks: bool


def read_column_lines(path: Path, universal: bool = False) -> ColumnLines:
    r"""Read the lines that are tokens.

    Columns are separated by tabs if most lines have one; then a token may hold spaces. Otherwise
    they are separated by spaces (and tabs), but not by no-break spaces. White space at the end of
    a line is dropped, and lines that begin with `-DOCSTART-` are passed over.

    A line that begins with `#` and stands before a sentence is a comment, unless `#` is a token,
    which has as many columns as the others. A line with all columns that reads as a comment
    (`# text = Hi`, `# newdoc`) is one; one whose tag no other token of the file has could be
    either, and is refused where no tab parts the `#` from the rest.

    Args:
        path: the file, UTF-8, perhaps compressed.
        universal: whether it is CoNLL-U. In any other file of three or more columns, it is looked
            whether the first one counts the words of each sentence; then it is read likewise.

    Raises:
        InputError: the file is no text, or a line has another number of columns than the others.
            It names the line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     path = Path(place, "a.conll")
    ...     _ = path.write_text("# text = New York #1\nNew York\tB-LOC\n#\tO\n")
    ...     [line.columns for line in read_column_lines(path).tokens]
    [['New York', 'B-LOC'], ['#', 'O']]
    """
    lines, sentence = [], 0
    for number, text in enumerate(read_lines(path), start=1):
        text = text.rstrip(" \t\r\n")
        if not text or _DOCUMENT.match(text):
            sentence = number
        else:
            lines.append(ColumnLine(number, sentence, text, []))
    data = [line for line in lines if line.text[0] != "#"] or lines
    tabs = universal or 2 * sum("\t" in line.text for line in data) > len(data)
    for line in lines:
        if tabs:
            line.columns.extend(column.strip(" ") for column in line.text.split("\t"))
        else:
            line.columns.extend(re.split(r"[ \t]+", line.text.lstrip(" \t")))
    file = _Columns(path, lines, data, tabs, universal)
    tokens = []
    for line in lines:
        first = not tokens or tokens[-1].sentence != line.sentence
        if not file.is_passed_over(line, first):
            file.check(line)
            tokens.append(line)
    return ColumnLines(tokens, file.counted, has_breaks=sentence > 0)


class _Columns:
    """What is known of a file once all its lines have been seen."""

    def __init__(
        self,
        path: Path,
        lines: list[ColumnLine],
        data: list[ColumnLine],
        tabs: bool,
        universal: bool,
    ):
        self._path, self._tabs = path, tabs
        counts = Counter(len(line.columns) for line in data)
        self._count = counts.most_common(1)[0][0] if counts else 0
        self._tokens_of_tag = self._known_tags(lines)
        least = 1 if self._count >= _TREEBANK_COLUMNS else 2
        self.counted = universal or (self._count >= _COUNTED_COLUMNS and _counts_words(data, least))

    def is_passed_over(self, line: ColumnLine, first: bool) -> bool:
        """Whether a line is a comment, or a numbered range or node; `first` in its sentence."""
        if self.counted:
            return line.text[0] == "#" or bool(_SKIPPED_NUMBER.fullmatch(line.columns[0]))
        if line.text[0] != "#":
            return False
        if _COMMENT.match(line.text):
            if not first:
                raise line.error(
                    self._path, "a comment within a sentence. Put an empty line before it."
                )
            return True
        if len(line.columns) != self._count:
            return first
        if not self._is_token(line, first):
            parted = "" if self._tabs else "If it is a token, separate the columns by tabs. "
            raise line.error(
                self._path,
                f"could be a comment, or a token whose tag {line.columns[-1]!r} no other token "
                f"has. {parted}If it is a comment, remove the line.",
            )
        return False

    def _known_tags(self, lines: Sequence[ColumnLine]) -> dict[str, set[str]]:
        """The tokens of every tag, but for lines that may be comments before a sentence."""
        tokens, begun = {}, None
        for line in lines:
            if line.text[0] != "#":
                begun = line.sentence
            if begun == line.sentence and len(line.columns) == self._count:
                tokens.setdefault(line.columns[-1], set()).add(line.columns[0])
        return tokens

    def _is_token(self, line: ColumnLine, first: bool) -> bool:
        """Whether a line that begins with `#` and has all columns is surely a token."""
        token, tag = line.columns[0], line.columns[-1]
        if self._tabs and not token.startswith("# "):
            return True
        # The Penn Treebank's tag of `#` is `#`, which no other token has.
        own = token == tag == "#" and (not first or token in self._tokens_of_tag.get(tag, ()))
        return own or bool(self._tokens_of_tag.get(tag, set()) - {token})

    def check(self, line: ColumnLine) -> None:
        """Raise unless a line has the columns of the others."""
        if self.counted and not _WORD_NUMBER.fullmatch(line.columns[0]):
            raise line.error(
                self._path, "a line of CoNLL-U must begin with the word's number and a tab."
            )
        if len(line.columns) != self._count:
            parted = "tabs" if self._tabs else "white space"
            raise line.error(
                self._path,
                f"a line must have {self._count} columns separated by {parted}, as most have here.",
            )


def _counts_words(lines: Sequence[ColumnLine], least: int) -> bool:
    """Whether the first column counts from 0 or 1 in every sentence, ranges and nodes aside.

    One sentence must have `least` words: numbers may be words themselves.
    """
    first, sentence, number, most = None, None, 0, 0
    for line in lines:
        if _SKIPPED_NUMBER.fullmatch(line.columns[0]):
            continue
        if first is None:
            first = int(line.columns[0] != "0")
        if line.sentence != sentence:
            sentence, number = line.sentence, 0
        if line.columns[0] != str(first + number):
            return False
        number += 1
        most = max(most, number)
    return most >= least
