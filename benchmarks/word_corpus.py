"""Write a corpus of words that every machine with tfseq has, laid out as Penn Treebank is.

Its text is prose that is installed already: the docstrings of the standard library, NumPy, Keras,
TensorFlow, h5py and absl. It is prepared as Mikolov's Penn Treebank is, so that figures on it read
as the published ones do: lower case, no punctuation, numbers as N, a sentence a line, words beyond
the 10,000 most frequent as <unk>. A module is wholly in one split; a paragraph that stands in
several modules counts once.

    python benchmarks/word_corpus.py words
    python pipelines/train_language_model.py --corpus words --tokenizer whitespace --line-ends

The digest printed says whether two machines have the same text: it depends on the versions
installed, which are printed beside it.
"""

import argparse
import ast
import collections
import hashlib
import importlib.metadata
import importlib.util
import platform
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("numpy", "keras", "tensorflow", "h5py", "absl")
DISTRIBUTIONS = {"absl": "absl-py"}
WORDS_KEPT = 9_999  # And <unk>: 10,000.
#: Of 20 parts by the digest of a module's name, the last but one is validation, the last is test.
PARTS = 20
CODE = re.compile(r"^\s*(>>>|\.\.\.|```|[-=~+|]{3,}|:\w+:)")
SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`*(])")
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+(?:[.,]\d+)*")


def modules() -> Iterator[tuple[str, Path]]:
    roots = [("", Path(sysconfig.get_path("stdlib")))]
    for package in PACKAGES:
        roots.append((package, Path(importlib.util.find_spec(package).origin).parent))
    for package, root in roots:
        for path in sorted(root.rglob("*.py")):
            place = path.relative_to(root)
            if {"site-packages", "test", "tests", "idlelib"} & set(place.parts):
                continue
            yield f"{package}/{place.as_posix()}", path


def paragraphs(path: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:  # Some files of the standard library hold errors on purpose.
            return
    named = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, named) and (text := ast.get_docstring(node)):
            for paragraph in re.split(r"\n\s*\n", text):
                if not any(CODE.match(line) for line in paragraph.splitlines()):
                    yield " ".join(paragraph.split())


def sentences(paragraph: str) -> Iterator[list[str]]:
    for sentence in SENTENCE_END.split(paragraph):
        words = ["N" if w[0].isdigit() else w.lower() for w in WORD.findall(sentence)]
        if len(words) > 2:
            yield words


def splits() -> dict[str, list[list[str]]]:
    seen = set()
    found: dict[str, list[list[str]]] = {"train": [], "valid": [], "test": []}
    for name, path in modules():
        part = int(hashlib.sha256(name.encode()).hexdigest(), 16) % PARTS
        lines = found[{PARTS - 2: "valid", PARTS - 1: "test"}.get(part, "train")]
        for paragraph in paragraphs(path):
            for words in sentences(paragraph):
                if (key := tuple(words)) not in seen:
                    seen.add(key)
                    lines.append(words)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    directory.mkdir(parents=True)
    found = splits()
    counts = collections.Counter(w for line in found["train"] for w in line)
    ordered = sorted(counts, key=lambda w: (-counts[w], w))
    kept = set(ordered[:WORDS_KEPT])
    digest = hashlib.sha256()
    for split, lines in found.items():
        text = "".join(
            f" {' '.join(w if w in kept else '<unk>' for w in line)} \n" for line in lines
        ).encode()
        (directory / f"{split}.txt").write_bytes(text)
        digest.update(text)
        words = sum(map(len, lines))
        unknown = sum(w not in kept for line in lines for w in line) / words
        print(f"{split:<6} {len(lines):>8,} lines  {words:>10,} words  {unknown:.1%} <unk>")
    versions = [f"{p} {importlib.metadata.version(DISTRIBUTIONS.get(p, p))}" for p in PACKAGES]
    print(f"sha256 {digest.hexdigest()}")
    print(", ".join([f"Python {platform.python_version()}", *versions]))


if __name__ == "__main__":
    main()
