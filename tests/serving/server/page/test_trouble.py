"""The page where something goes wrong, or somewhere else: nothing is lost."""

import threading

import pytest

from tfseq.serving.server.page import page as whole_page

from ...conftest import SETTINGS
from .person import generate, is_written, press, set_number, shown, write, written

PROMPT = "The value of "


def test_when_the_server_dies_nothing_is_lost(serve, visit, reference):
    server = serve(language=reference)
    page = visit(server.address)
    backend, enough = server.backends["language"], threading.Event()
    check, most = backend.check_model, 30

    def refusing(*place):
        if len(server.requests) > most:
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
    most = len(server.requests) + len(kept) + 5
    backend.check_model = refusing
    set_number(page, "Tokens", len(text) - len(kept))
    press(page)
    alert.get_by_text("does not answer").wait_for()

    # What is tried again goes on to the end that was asked for.
    assert len(kept) < len(shown(page, ".tokens").text_content()) < len(text)
    backend.check_model = check
    page.get_by_role("button", name="Try again").click()
    assert written(page) == text


@pytest.mark.slow
def test_what_is_too_long_is_read_as_far_as_the_server_does(serve, visit, exported):
    language = exported("gru", 2, "char")
    page = visit(serve(language=language).address)
    num_read, num_scored = SETTINGS.max_prompt_bytes, SETTINGS.max_score_bytes
    prompt = "abcd想" * 20
    text, _ = generate(language, prompt, 12)
    # The first of the bytes that are read is the end of a character, and is left out.
    num_characters = num_read // 7 * 5
    assert write(page, prompt, 12) == text[len(prompt) - num_characters :]
    page.get_by_text(f"the last {num_read} bytes only").wait_for()

    page.get_by_role("tab", name="Score").click()
    shown(page, "textarea").fill("abc " * num_scored)
    press(page)
    page.get_by_text(f"the first {num_scored} bytes only").wait_for()
    assert shown(page, ".tokens").text_content() == "abc " * (num_scored // 4)


@pytest.mark.slow
def test_a_request_can_be_given_up(serve, visit, reference):
    page = visit(serve(language=reference).address)
    set_number(page, "Tokens", 5000)
    shown(page, "textarea").first.fill(PROMPT)
    press(page)
    page.get_by_text("tokens · perplexity").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Continue").wait_for()
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
    page.get_by_role("button", name="Continue").wait_for()
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
