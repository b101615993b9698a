"""Every curl line of the documentation, run against this server."""

import contextlib
import functools
import json
import re
import shutil
import subprocess

import pytest

import tfseq
from tfseq.models import Forecaster, Tagger, TextClassifier
from tfseq.serving import export as export_module
from tfseq.serving import export_forecaster, export_tagger, export_text_classifier

from .running_server import ROOT, running_server

DOCS = ROOT / "docs"
PAGES = ["README.md", "exported/README.md", *sorted(f"docs/{p.name}" for p in DOCS.glob("*.md"))]
# A block of commands, and the answer where one is shown.
BLOCK = re.compile(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", re.DOTALL)
# One command: lines that end in a backslash, a pipe or in the middle of a quoted text go on.
COMMAND = re.compile(r"(?:[^\n'\"]|'[^']*'|\"[^\"]*\"|(?<=\\)\n|(?<=\|)\n)+")
REFERENCE = "python_docs_gru"
TEXTS = tfseq.Vocabulary(["with", "open", "path", "a", "b", "e"])


def classifier(directory):
    model = TextClassifier(len(TEXTS), num_labels=3, units=4)
    labels = ["latin", "greek", "bamum"]
    return export_text_classifier(model, tfseq.CharTokenizer(), TEXTS, labels, directory)


def tagger(directory):
    model = Tagger(len(TEXTS), num_tags=3, units=4)
    return export_tagger(model, TEXTS, ["O", "B-CALL", "I-CALL"], directory)


def forecaster(directory):
    model = Forecaster(1, 20, units=4)
    return export_forecaster(model, directory, columns=["x"])


# What is served under the names of models that the repository does not hold.
SMALL = {
    "letter_names_gru": classifier,
    "code_names_gru": tagger,
    "noisy_sine_gru": forecaster,
}


def curl_lines():
    for page in PAGES:
        for block, answer in BLOCK.findall((ROOT / page).read_text("utf-8")):
            for command in COMMAND.findall(block):
                if re.search(r"\bcurl\b", command):
                    yield pytest.param(command, answer, id=f"{page}-{command[:40]}")


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """`serve(name)` -> a server of the model of this name."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def started(name):
            path = ROOT / "exported" / name
            if name in SMALL:
                path = tmp_path_factory.mktemp("exported") / name
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(export_module, "LoaderProcess", contextlib.nullcontext)
                    patch.setattr(export_module, "replay", lambda directory, loader: None)
                    SMALL[name](path)
            return stack.enter_context(running_server(path))

        yield started


def run(command, server):
    command = command.replace("localhost:8501", server.address)
    command = command.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("command", "shown"), [*curl_lines()])
def test_it_is_answered(serve, command, shown):
    assert "localhost:8501/" in command
    name = re.search(r"/v1/models/(\w+)", command)
    output = run(command, serve(name[1] if name else REFERENCE))
    if "prometheus" in command:
        assert ":tensorflow:serving:request_count" in output
    elif '"stream": true' in command:
        *events, done, rest = output.split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        events = [json.loads(event.removeprefix("data: ")) for event in events]
        text = "".join(choice["text"] for event in events for choice in event["choices"])
        # The same in one piece.
        command = command.replace('"stream": true', '"stream": false')
        whole = json.loads(run(command, serve(REFERENCE)))
        assert ("seed" not in command) or text == whole["choices"][0]["text"]
        assert text
        assert ("include_usage" in command) == (events[-1].get("usage") == whole["usage"])
    else:
        answer = json.loads(output)
        assert answer
        assert "error" not in answer
        if shown and isinstance(answer.get("outputs"), dict):
            names = re.findall(r'^ *(?:\{"outputs": \{)? *"(\w+)":', shown, re.MULTILINE)
            assert set(answer["outputs"]) == set(names) - {"outputs"}


def test_pages_of_all_tasks_have_lines():
    lines = "".join(parameters.values[0] for parameters in curl_lines())
    assert all(f"/v1/models/{name}:predict" in lines for name in (REFERENCE, *SMALL))
    assert lines.count('"stream": true') >= 2


@pytest.mark.slow
def test_answers_are_those_of_the_documentation(serve):
    """The answers that `exported/README.md` shows, to as many places."""
    reference = serve(REFERENCE)
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
