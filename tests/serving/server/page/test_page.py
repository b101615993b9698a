"""The page in a browser: a person's way through each view, beside the numbers of the API."""

import base64
import hashlib
import html.parser
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tfseq.serving.server.page import page as whole_page

from ...conftest import Exported

REFERENCE = Path(__file__).parents[4] / "exported" / "python_docs_gru" / "1"
PROMPT = "The value of "


@pytest.fixture(scope="module")
def reference(chromium, loader):
    """The language model of the repository; nothing is loaded where there is no browser."""
    return Exported(str(REFERENCE), loader.load(REFERENCE), None, loader)


def shown(page, selector):
    return page.locator(f"{selector} >> visible=true")


def press(page):
    shown(page, "button.primary").click()


def set_number(page, label, value):
    box = page.get_by_label(label, exact=True).and_(page.locator("input[type=number]"))
    shown(page, "input[type=number]").and_(box).fill(str(value))


def written(page):
    """The text, when it has been written."""
    page.locator("#said", has_text="Written").wait_for(state="attached")
    return shown(page, ".tokens").text_content()


def write(page, prompt, num_tokens=30):
    shown(page, "textarea").first.fill(prompt)
    set_number(page, "Tokens", num_tokens)
    press(page)
    return written(page)


def generate(exported, prompt, num_tokens=30, temperature=0.8, top_k=0, top_p=1.0, seed=0):
    answer = exported.run(
        "generate",
        prompt=texts(prompt),
        max_new_tokens=np.int32([num_tokens]),
        temperature=np.float32([temperature]),
        top_k=np.int32([top_k]),
        top_p=np.float32([top_p]),
        seed=np.int64([seed]),
    )
    return answer["text"][0].decode(), float(answer["log_probability"][0])


def texts(*strings):
    return np.array([string.encode() for string in strings], object)


def number_in(text, before):
    found = re.search(rf"{before}\s*(−?[\d.]+)", text)
    return float(found[1].replace("−", "-"))


def heats(page):
    """How strong the background of each token is, from 0 to 1."""
    styles = [span.get_attribute("style") for span in shown(page, ".tokens > span").all()]
    return [float(re.search(r"--heat: ([\d.e-]+)", style)[1]) for style in styles]


# The file.


def test_the_page_is_one_file_that_lets_nothing_else_run():
    text = whole_page()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy

    named = []

    class Names(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            named.extend(value for name, value in attributes if name in ("src", "href", "style"))

    Names().feed(text)
    assert named == ["data:,"]
    assert not re.search(r"@import|url\(|\bimport\s*\(|^import ", text, re.M)
    assert "{{" not in text


def test_the_page_is_written_to_a_file():
    command = [sys.executable, "-m", "tfseq.serving.server.page"]
    assert subprocess.run(command, capture_output=True, check=True).stdout.decode() == whole_page()


# A language model.


def test_the_live_text_is_that_of_generate(serve, visit, reference):
    server = serve(language=reference)
    page = visit(server.address)
    text, log_probability = generate(reference, PROMPT)

    assert write(page, PROMPT) == text
    count = shown(page, ".count").text_content()
    assert number_in(count, "log probability") == pytest.approx(log_probability, rel=1e-3)
    assert number_in(count, "perplexity") == pytest.approx(np.exp(-log_probability / 30), rel=1e-2)
    # One step a token, none for the last; what tokens read as is asked once for many.
    calls = [signature for signature, _ in server.requests]
    assert calls.count("step") == len(PROMPT) + 30 - 1
    assert calls.count("decode") <= 30

    # Backgrounds are the surprisal, in parts of that of a uniform guess.
    scores = reference.run("score", text=texts(text))["token_log_probabilities"][0]
    expected = np.minimum(-scores / np.log(104), 1)
    assert heats(page) == pytest.approx([0, *expected], abs=2e-3)


@pytest.mark.everyday(1)
@pytest.mark.parametrize(
    "settings",
    [
        {"Temperature": 0},
        {"Temperature": 1.3, "Top-k": 7, "Top-p": 0.95, "Seed": 2**53 + 1},
        {"Temperature": 0.9, "Top-p": 0.6, "Seed": -5},
    ],
    ids=["greedy", "top_k", "top_p"],
)
def test_settings_are_those_of_generate(serve, visit, reference, settings):
    page = visit(serve(language=reference).address)
    for label, value in settings.items():
        set_number(page, label, value)
    names = {"Temperature": "temperature", "Top-k": "top_k", "Top-p": "top_p", "Seed": "seed"}
    arguments = {names[label]: value for label, value in settings.items()}

    text, _ = generate(reference, "If ", 25, **arguments)
    other, _ = generate(reference, "When ", 25, **arguments)

    assert write(page, "If ", 25) == text
    # The server draws the same.
    page.get_by_label("All at once").check()
    shown(page, "textarea").first.fill("When ")
    press(page)
    assert is_written(page, other, len(other))


def test_a_choice_of_another_token_goes_on_from_there(serve, visit, reference):
    page = visit(serve(language=reference).address)
    before = write(page, PROMPT)
    place = len(PROMPT) + 3
    shown(page, ".tokens > span").nth(place).click()
    lines = shown(page, ".likely button.line")
    lines.first.wait_for()

    expected = reference.run("next_token", prompt=texts(before[:place]))
    signs = {" ": "␣", "\n": "↵"}
    tokens = [token.decode() for token in expected["tokens"][0]]
    listed = [line.locator(".word").text_content() for line in lines.all()]
    assert listed[:10] == [signs.get(token, token) for token in tokens]
    share = number_in(lines.first.locator(".share").text_content(), "")
    assert share / 100 == pytest.approx(expected["probabilities"][0][0], abs=0.006)

    lines.nth(1).click()
    assert is_written(page, before[:place] + tokens[1], place + 1 + 30)
    page.get_by_role("button", name="Back").click()
    assert shown(page, ".tokens").text_content() == before
    page.get_by_role("button", name="Forward").click()
    assert shown(page, ".tokens").text_content().startswith(before[:place] + tokens[1])


def is_written(page, prefix, length):
    """Whether a text of this length that begins so is there after a while."""
    for _ in range(200):
        text = shown(page, ".tokens").text_content()
        if text.startswith(prefix) and len(text) == length:
            return True
        page.wait_for_timeout(100)
    return False


def test_everything_is_done_by_keyboard(serve, visit, reference):
    page = visit(serve(language=reference).address)
    set_number(page, "Tokens", 8)
    shown(page, "textarea").first.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type(PROMPT)
    page.keyboard.press("Control+Enter")
    text = written(page)

    shown(page, ".tokens > span[tabindex='0']").focus()
    page.keyboard.press("Home")
    for _ in range(len(PROMPT) + 2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    shown(page, ".likely button.line").first.wait_for()
    page.keyboard.press("Escape")
    assert shown(page, ".likely").count() == 0
    page.keyboard.press("Enter")
    line = shown(page, ".likely button.line").nth(1)
    line.wait_for()
    token = line.locator(".word").text_content().replace("␣", " ")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert is_written(page, text[: len(PROMPT) + 2] + token, len(PROMPT) + 3 + 8)

    page.get_by_role("tab", name="Write").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Beam search").get_attribute("aria-selected") == "true"


def test_scores_and_searches_are_those_of_the_api(serve, visit, reference):
    page = visit(serve(language=reference).address)
    text = "The object is called.\nKangaroos jump."
    page.get_by_role("tab", name="Score").click()
    shown(page, "textarea").fill(text)
    press(page)
    shown(page, ".places li").first.wait_for()
    answer = reference.run("score", text=texts(text))
    numbers = shown(page, ".numbers").text_content()
    assert number_in(numbers, "Perplexity") == pytest.approx(answer["perplexity"][0], rel=1e-3)
    assert number_in(numbers, "Tokens counted") == answer["num_tokens"][0]
    scores = answer["token_log_probabilities"][0]
    assert heats(page)[1:] == pytest.approx(np.minimum(-scores / np.log(104), 1), abs=2e-3)
    worst = text[1 + int(np.argmin(scores))]
    assert shown(page, ".places mark").first.text_content() == worst

    page.get_by_role("tab", name="Beam").click()
    shown(page, "textarea").fill(PROMPT)
    set_number(page, "Tokens", 12)
    press(page)
    shown(page, ".found li").first.wait_for()
    found = reference.run("beam_search", prompt=texts(PROMPT), max_new_tokens=np.int32([12]))
    for item, best, score in zip(
        shown(page, ".found li").all(),
        found["texts"][0],
        found["log_probabilities"][0],
        strict=True,
    ):
        assert item.locator(".tokens").text_content() == best.decode().rstrip()
        assert number_in(item.text_content(), "log probability") == pytest.approx(score, rel=1e-3)


def test_when_the_server_dies_nothing_is_lost(serve, visit, reference):
    server = serve(language=reference)
    page = visit(server.address)
    backend, enough = server.backends["language"], threading.Event()
    check = backend.check_model

    def refusing(*place):
        if len(server.requests) > 30:
            enough.set()
            raise ConnectionError
        check(*place)

    backend.check_model = refusing
    shown(page, "textarea").first.fill(PROMPT)
    set_number(page, "Tokens", 30)
    press(page)
    alert = page.get_by_role("alert")
    alert.get_by_text("does not answer").wait_for()
    text, _ = generate(reference, PROMPT)
    kept = shown(page, ".tokens").text_content()
    assert enough.is_set()
    assert len(PROMPT) < len(kept) < len(text)
    assert text.startswith(kept)

    # Neither by loading the page again.
    backend.check_model = check
    page.reload()
    shown(page, ".tokens > span").first.wait_for()
    assert shown(page, ".tokens").text_content() == kept
    set_number(page, "Tokens", len(text) - len(kept))
    press(page)
    assert written(page) == text


@pytest.mark.slow
def test_a_request_can_be_given_up(serve, visit, reference):
    page = visit(serve(language=reference).address)
    set_number(page, "Tokens", 5000)
    shown(page, "textarea").first.fill(PROMPT)
    press(page)
    page.get_by_text("tokens · perplexity").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Go on").wait_for()
    text = shown(page, ".tokens").text_content()
    whole, _ = generate(reference, PROMPT, 1000)
    assert len(text) > len(PROMPT)
    assert whole.startswith(text)


@pytest.mark.slow
def test_a_new_version_takes_the_text_over(serve, visit, reference):
    server = serve(language=reference)
    page = visit(server.address)
    text = write(page, PROMPT, 10)
    server.version = 2
    press(page)
    page.get_by_role("alert").get_by_text("version 2").wait_for()
    page.get_by_text("version 2", exact=True).wait_for()
    assert shown(page, ".tokens").text_content() == text
    press(page)
    assert is_written(page, text, len(text) + 10)


def test_it_is_opened_from_a_file_and_a_token_is_asked_for(serve, visit, reference, tmp_path):
    server = serve(language=reference, token="secret")
    file = tmp_path / "page.html"
    file.write_text(whole_page(), encoding="utf-8")
    page = visit(f"file://{file}?server={server.address}&model=language")
    page.get_by_role("alert").get_by_text("a token is needed").wait_for()
    page.get_by_label("Token").fill("secret")
    page.get_by_role("button", name="Connect").click()
    page.get_by_role("tab", name="Write").wait_for()
    assert page.get_by_role("alert").count() == 0
    assert write(page, "The ", 6) == generate(reference, "The ", 6)[0]
    # It is known until the page is closed.
    page.reload()
    page.get_by_role("tab", name="Write").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "prompt"),
    [
        (("gru", 1, "word"), "the time 想"),
        (("gru", 2, "char"), "想要 ab"),
        (("gru", 2, "char"), ""),
        (("lstm", 1, "char"), "d"),
        (("gru", 1, "subword"), "the 想 ma"),
    ],
    ids=["words", "characters", "nothing", "lstm", "subwords"],
)
def test_tokens_of_every_kind_are_put_together(serve, visit, exported, language, prompt):
    model = exported(*language)
    page = visit(serve(language=model).address)
    assert write(page, prompt, 20) == generate(model, prompt, 20)[0]
