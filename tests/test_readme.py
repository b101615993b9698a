"""The Python examples of the README and of every page in docs/ run and print what they say. Links
lead somewhere, and commands have options that there are."""

import contextlib
import doctest
import importlib
import re
from pathlib import Path

import pytest

from tfseq.options.rules import fields_of

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL_PAGES = [*PAGES, ROOT / "benchmarks" / "README.md", ROOT / "exported" / "README.md"]
# Options that a script has under a second name.
ALIASES = {("evaluate_model", "corpus")}


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


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere():
    for page in ALL_PAGES:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            place = page.parent / path if path else page
            assert place.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors_of(place), f"{page.name}: {link}"


def commands_of(page: Path) -> list[tuple[str, list[str]]]:
    """The scripts that a page calls, and the options that each call gives."""
    text = page.read_text().replace("\\\n", " ")
    calls = re.findall(r"python pipelines/(\w+)\.py([^`\n]*)", text)
    return [(script, re.findall(r" --([a-z-]+)", words)) for script, words in calls]


def options_of(script: str, monkeypatch) -> set[str]:
    """The options of a script."""
    module, found = importlib.import_module(f"pipelines.{script}"), []
    monkeypatch.setattr(module, "run", lambda options_type, *_, **__: found.append(options_type))
    module.command()
    names = {name.replace("_", "-") for name in fields_of(found[0])}
    return names | {f"no-{name}" for name in names} | {n for s, n in ALIASES if s == script}


def test_options_of_commands_are_there(monkeypatch):
    calls = [(page.name, *call) for page in ALL_PAGES for call in commands_of(page)]
    scripts = {script for _, script, _ in calls}
    assert len(scripts) >= 10
    known = {script: options_of(script, monkeypatch) for script in scripts}
    unknown = [(page, s, o) for page, s, options in calls for o in options if o not in known[s]]
    assert not unknown
