"""The Python examples of the README and of every page in docs/ run and print what they say."""

import contextlib
import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def python_of(page: Path) -> str:
    """The examples of a page, one after another: they are one session."""
    return "".join(re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.S | re.M))


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if python_of(p)], ids=lambda page: page.stem)
def test_python_examples(page, tmp_path):
    test = doctest.DocTestParser().get_doctest(python_of(page), {}, page.name, str(page), 0)
    assert test.examples
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    with contextlib.chdir(tmp_path):
        results = doctest.DocTestRunner(optionflags=flags).run(test)
    assert results.failed == 0


def test_links_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"
