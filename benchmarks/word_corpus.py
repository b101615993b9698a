"""Write a corpus of words that every machine with tfseq has, laid out as Penn Treebank is.

Its text is prose that is installed already: the docstrings of the standard library, NumPy, Keras,
TensorFlow, h5py and absl. It is prepared as Mikolov's Penn Treebank is, so that figures on it read
as the published ones do: lower case, no punctuation, numbers as N, a sentence a line, words beyond
the 10,000 most frequent as <unk>. A module is wholly in one split; a paragraph that stands in
several modules counts once.

    python benchmarks/word_corpus.py words
    python pipelines/train_language_model.py --corpus words --tokenizer whitespace --line-ends

With `--prose` the text stays as it was written, a paragraph a line and an empty line after each
docstring: for tokenizers that are to be compared by bits per byte, and for documents.

    python benchmarks/word_corpus.py prose --prose
    python pipelines/train_language_model.py --corpus prose --tokenizer subword

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


def docstrings(path: Path) -> Iterator[list[str]]:
    """Those of a module, each as its paragraphs of prose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:  # Some files of the standard library hold errors on purpose.
            return
    named = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, named) and (text := ast.get_docstring(node)):
            yield [
                " ".join(paragraph.split())
                for paragraph in re.split(r"\n\s*\n", text)
                if not any(CODE.match(line) for line in paragraph.splitlines())
            ]


def sentences(paragraph: str) -> Iterator[list[str]]:
    for sentence in SENTENCE_END.split(paragraph):
        words = ["N" if w[0].isdigit() else w.lower() for w in WORD.findall(sentence)]
        if len(words) > 2:
            yield words


def texts() -> Iterator[tuple[str, list[str]]]:
    """The split and the paragraphs of each docstring."""
    for name, path in modules():
        part = int(hashlib.sha256(name.encode()).hexdigest(), 16) % PARTS
        split = {PARTS - 2: "valid", PARTS - 1: "test"}.get(part, "train")
        for paragraphs in docstrings(path):
            yield split, paragraphs


def splits() -> dict[str, list[list[str]]]:
    """Sentences as words, each once."""
    seen = set()
    found: dict[str, list[list[str]]] = {"train": [], "valid": [], "test": []}
    for split, paragraphs in texts():
        for paragraph in paragraphs:
            for words in sentences(paragraph):
                if (key := tuple(words)) not in seen:
                    seen.add(key)
                    found[split].append(words)
    return found


def prose() -> dict[str, str]:
    """The text of each split: paragraphs as lines, each once, and docstrings as documents."""
    seen = set()
    found: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for split, paragraphs in texts():
        new = [p for p in paragraphs if p and p not in seen]
        seen.update(new)
        if new:
            found[split].append("\n".join(dict.fromkeys(new)))
    return {split: "\n\n".join(documents) + "\n" for split, documents in found.items()}


def write(directory: Path, found: dict[str, str]) -> None:
    digest = hashlib.sha256()
    for split, text in found.items():
        (directory / f"{split}.txt").write_bytes(text.encode())
        digest.update(text.encode())
        words, size = len(text.split()), len(text.encode())
        print(f"{split:<6} {text.count(chr(10)):>8,} lines  {words:>10,} words  {size:>11,} bytes")
    versions = [f"{p} {importlib.metadata.version(DISTRIBUTIONS.get(p, p))}" for p in PACKAGES]
    print(f"sha256 {digest.hexdigest()}")
    print(", ".join([f"Python {platform.python_version()}", *versions]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--prose", action="store_true", help="the text as it was written")
    options = parser.parse_args()
    options.directory.mkdir(parents=True)
    if options.prose:
        write(options.directory, prose())
        return
    found = splits()
    counts = collections.Counter(w for line in found["train"] for w in line)
    ordered = sorted(counts, key=lambda w: (-counts[w], w))
    kept = set(ordered[:WORDS_KEPT])
    for split, lines in found.items():
        words = sum(map(len, lines))
        unknown = sum(w not in kept for line in lines for w in line) / words
        print(f"{split:<6} {unknown:.1%} of the words are <unk>")
    write(
        options.directory,
        {
            split: "".join(
                f" {' '.join(w if w in kept else '<unk>' for w in line)} \n" for line in lines
            )
            for split, lines in found.items()
        },
    )


if __name__ == "__main__":
    main()
