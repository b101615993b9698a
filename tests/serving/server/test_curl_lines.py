"""Every curl line of the documentation, run against this server."""

import json
import re
import shutil
import subprocess

import pytest

from .running_server import ROOT, running_server

PAGES = ["docs/serving.md", "docs/server.md", "exported/README.md", "README.md"]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
# One command: lines that end in a backslash, a pipe or in the middle of a quoted text go on.
COMMAND = re.compile(r"(?:[^\n'\"]|'[^']*'|\"[^\"]*\"|(?<=\\)\n|(?<=\|)\n)+")


def curl_lines():
    for page in PAGES:
        for block in BLOCK.findall((ROOT / page).read_text("utf-8")):
            for command in COMMAND.findall(block):
                if re.search(r"\bcurl\b", command):
                    yield pytest.param(page, command, id=f"{page}-{command[:40]}")


@pytest.fixture(scope="module")
def reference():
    with running_server(ROOT / "exported" / "python_docs_gru") as server:
        yield server


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("page", "command"), [*curl_lines()])
def test_it_is_answered(reference, page, command):
    assert "localhost:8501/" in command
    command = command.replace("localhost:8501", reference.address)
    command = command.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    if "prometheus" in command:
        assert ":tensorflow:serving:request_count" in done.stdout
    elif '"stream": true' in command:
        assert done.stdout.endswith("data: [DONE]\n\n")
    else:
        answer = json.loads(done.stdout)
        assert answer
        assert "error" not in answer


@pytest.mark.slow
def test_answers_are_those_of_the_documentation(reference):
    """The answers that `exported/README.md` shows, to as many places."""
    text = (ROOT / "exported" / "README.md").read_text("utf-8")
    pairs = re.findall(r"```sh\ncurl -d '(.*?)' \\\n.*?```\n\n```json\n(.*?)```", text, re.DOTALL)
    assert len(pairs) >= 7
    for body, shown in pairs:
        answer = reference.http.post(
            f"/v1/models/{reference.name}:predict", content=body.encode()
        ).json()
        assert rounded(answer) == json.loads(shown)


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
