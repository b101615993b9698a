"""The page in a browser: a person's way through each view, beside the numbers of the API."""

import base64
import hashlib
import html.parser
import re
import subprocess
import sys

import numpy as np
import pytest
from lively_weights import draw_weights

import tfseq
from tfseq.serving import export_language_model
from tfseq.serving.server.page import page as whole_page
from tfseq.text.special_tokens import BEGIN, END

from ...conftest import Exported
from .person import (
    generate,
    heats,
    is_written,
    number_in,
    press,
    set_number,
    shown,
    texts,
    write,
    written,
)

PROMPT = "The value of "

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


@pytest.mark.slow
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


def last_label(page):
    return shown(page, ".tokens > span").last.get_attribute("aria-label")


@pytest.mark.slow
def test_a_document_ends_by_itself(chromium, serve, visit, loader, without_trial, tmp_path):
    vocabulary = tfseq.Vocabulary([BEGIN, END, *"abcd "])
    model = tfseq.LanguageModel(len(vocabulary), units=6, document_ids=(1, 2))
    draw_weights(model, 5)
    path = export_language_model(model, tfseq.CharTokenizer(), vocabulary, tmp_path / "documents")
    documents = Exported(path, loader.load(path), None, loader)
    server = serve(language=documents)
    page = visit(server.address)
    text, log_probability = generate(documents, "ab", 400)
    assert len(text) < 402, "the document is to end"

    assert write(page, "ab", 400) == text
    count = shown(page, ".count").text_content()
    assert number_in(count, "log probability") == pytest.approx(log_probability, rel=1e-3)
    assert last_label(page) == "end of the text"
    # The first token has something before it, and its surprisal.
    page.get_by_role("tab", name="Score").click()
    shown(page, "textarea").fill("abc")
    press(page)
    shown(page, ".places li").first.wait_for()
    scores = documents.run("score", text=texts("abc"))["token_log_probabilities"][0]
    assert heats(page) == pytest.approx(np.minimum(-scores / np.log(len(vocabulary)), 1), abs=2e-3)

    # A text that was begun before the page was loaded again ends too.
    page = visit(server.address)
    begun = text[: len(text) // 2]
    assert write(page, "ab", len(begun) - 2) == begun
    page.reload()
    set_number(page, "Tokens", 400)
    press(page)
    assert written(page) == text
    assert last_label(page) == "end of the text"
