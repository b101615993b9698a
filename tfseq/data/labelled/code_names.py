"""A task that every Python brings along: what the names in a line of code stand for."""

import ast
import io
import random
import sysconfig
import tokenize
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from tfseq.data.labelled.labelled_sentences import LabelledSentences
from tfseq.errors import InputError

_PACKAGES = ("asyncio", "concurrent", "email", "http", "importlib", "json", "logging", "urllib")
_MOST = 12000
_SKIPPED = {"COMMENT", "NL", "INDENT", "DEDENT", "ENCODING", "ENDMARKER"}

# Nodes that begin with a name: what it is tagged as, and the attribute that holds it.
_OWN_NAMES = {
    ast.arg: ("PARAMETER", "arg"),
    ast.keyword: ("KEYWORD", "arg"),
    ast.alias: ("IMPORT", "name"),
}

Place = tuple[int, int]


def code_names(limit: int = _MOST) -> LabelledSentences:
    """Lines of the standard library's code, with what each name stands for as IOB2 spans.

    A sentence holds the words of a logical line: names, keywords, numbers, and `''` for every
    string; signs would give all away. The tags come from the syntax tree: CALL (`os path join` is
    one span), TARGET (what is assigned to), PARAMETER, KEYWORD (`key=` in a call), FUNCTION, CLASS,
    BASE, DECORATOR, MODULE, IMPORT and EXCEPTION. Of more lines than `limit`, some are drawn at
    random.

    Raises:
        InputError: this Python comes without its source code.

    >>> sentences = tag_code("with open(path) as self.file: pass\\n")
    >>> for token, tag in sentences[0]:
    ...     print(f"{token}/{tag}", end=" ")
    with/O open/B-CALL path/O as/O self/B-TARGET file/I-TARGET pass/O
    """
    root = Path(sysconfig.get_path("stdlib"))
    lines = {}
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            source = path.read_bytes()
            if source.isascii():
                lines |= dict.fromkeys(
                    tuple(line) for line in tag_code(source.decode()) if len(line) > 2
                )
    if not lines:
        raise InputError(f"This Python has no source code in {root}. Give a file as `data`.")
    chosen = list(lines)
    if len(chosen) > limit:
        chosen = random.Random(0).sample(chosen, limit)
    return LabelledSentences(
        "code_names",
        tuple(tuple(token for token, _ in line) for line in chosen),
        tuple(tuple(tag for _, tag in line) for line in chosen),
    )


def tag_code(source: str) -> list[list[tuple[str, str]]]:
    """The logical lines of ASCII code, each a list of (word, tag)."""
    tokens = list(_tokens(source))
    tags = {start: "O" for line in tokens for _, start, _ in line}
    places = sorted(tags)
    for kind, begin, end in _spans(ast.parse(source), tokens):
        inside = places[bisect_left(places, begin) : bisect_left(places, end)]
        # What was tagged first stays, so that no span is cut in two.
        if inside and all(tags[p] == "O" for p in inside):
            tags |= dict.fromkeys(inside, f"I-{kind}")
            tags[inside[0]] = f"B-{kind}"
    return [
        [(text, tags[start]) for text, start, _ in line if text[0].isalnum() or text[0] in "_'"]
        for line in tokens
    ]


def _tokens(source: str) -> Iterator[list[tuple[str, Place, Place]]]:
    """Logical lines of (text, start, end)."""
    line, depth = [], 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        # From Python 3.12 on an f-string is many tokens; here it is one, as it was before.
        depth += (name in ("FSTRING_START", "TSTRING_START")) - (
            name in ("FSTRING_END", "TSTRING_END")
        )
        if name in _SKIPPED or depth or not (token.string.strip() or line):
            continue
        if token.type == tokenize.NEWLINE:
            if line:
                yield line
            line = []
            continue
        string = token.type == tokenize.STRING or name in ("FSTRING_END", "TSTRING_END")
        line.append(("''" if string else token.string, token.start, token.end))


def _spans(tree: ast.AST, lines: list) -> Iterator[tuple[str, Place, Place]]:
    """(kind, begin, end) of every span, those that win over others first."""
    nodes = list(_walk(tree))
    words = [{start: position for position, (_, start, _) in enumerate(line)} for line in lines]
    line_of = {start: i for i, line in enumerate(words) for start in line}
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                yield from _named("DECORATOR", getattr(decorator, "func", decorator))
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                yield from _named("BASE", base)
        exceptions = {ast.Raise: "exc", ast.ExceptHandler: "type"}.get(type(node))
        if exceptions and (exception := getattr(node, exceptions)):
            for part in getattr(exception, "elts", [exception]):
                yield from _named("EXCEPTION", getattr(part, "func", part))
    for node in nodes:
        begin = (node.lineno, node.col_offset) if hasattr(node, "lineno") else None
        kind, attribute = _OWN_NAMES.get(type(node), ("", ""))
        if name := getattr(node, attribute, None):
            yield kind, begin, (begin[0], begin[1] + len(name))
        elif isinstance(node, ast.Call):
            yield from _named("CALL", node.func)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from _named("TARGET", node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            is_class = isinstance(node, ast.ClassDef)
            kind, word = ("CLASS", "class") if is_class else ("FUNCTION", "def")
            line = lines[line_of[begin]]
            place = next(i for i, (text, _, _) in enumerate(line) if text == word) + 1
            yield kind, line[place][1], line[place][2]
        elif isinstance(node, ast.ImportFrom) and node.module:
            line = lines[line_of[begin]]
            texts = [text for text, _, _ in line[words[line_of[begin]][begin] :]]
            module = line[words[line_of[begin]][begin] + 1 :][: texts.index("import") - 1]
            yield "MODULE", module[0][1], module[-1][2]


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those inside f-strings, which are one token here."""
    yield node
    if type(node).__name__ in ("JoinedStr", "TemplateStr"):
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(child)


def _named(kind: str, node: ast.AST) -> Iterator[tuple[str, Place, Place]]:
    """The span of a name, or of names with dots between; of another attribute, its own name."""
    end = (node.end_lineno, node.end_col_offset)
    below = node
    while isinstance(below, ast.Attribute):
        below = below.value
    if isinstance(below, ast.Name):
        yield kind, (node.lineno, node.col_offset), end
    elif isinstance(node, ast.Attribute):
        yield kind, (end[0], end[1] - len(node.attr)), end
