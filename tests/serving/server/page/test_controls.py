"""More control in the page: what it writes token by token is what the server writes at once."""

import numpy as np
import pytest

from .person import is_written, set_number, shown, texts, write

PROMPT = "想要 ab"


@pytest.fixture(scope="module")
def language(chromium, exported):
    language = exported("gru", 2, "char")
    if "generate_controlled" not in language.signatures:
        pytest.skip("exports have no `generate_controlled`")
    return language


def controlled(language, num_tokens, seed=0, **controls):
    """What the server writes."""
    controls = {"min_p": 0, "repetition_penalty": 1, "frequency_penalty": 0, **controls}
    answer = language.run(
        "generate_controlled",
        prompt=texts(PROMPT),
        max_new_tokens=np.int32([num_tokens]),
        temperature=np.float32([0.8]),
        top_k=np.int32([0]),
        top_p=np.float32([1]),
        seed=np.int64([seed]),
        stop=np.array([controls.pop("stop", [b""])], object),
        repetition_window=np.int32([controls.pop("repetition_window", 64)]),
        **{name: np.float32([value]) for name, value in controls.items()},
    )
    return answer["text"][0].decode()


@pytest.mark.everyday(1)
@pytest.mark.parametrize(
    ("settings", "controls"),
    [
        ({"Min-p": 0.2}, {"min_p": 0.2}),
        (
            {"Repetition penalty": 1.7, "Frequency penalty": 0.6, "Penalty window": 5},
            {"repetition_penalty": 1.7, "frequency_penalty": 0.6, "repetition_window": 5},
        ),
    ],
    ids=["min_p", "penalties"],
)
def test_controls_are_those_of_the_server(serve, visit, language, settings, controls):
    page = visit(serve(language=language).address)
    expected = controlled(language, 24, **controls)
    assert expected != controlled(language, 24), "the control is to change the text"
    other = controlled(language, 24, seed=1, **controls)
    page.get_by_text("More control").click()
    for label, value in settings.items():
        set_number(page, label, value)
    assert write(page, PROMPT, 24) == expected
    # And at once, through the server's own.
    page.get_by_label("All at once").check()
    page.get_by_role("button", name="Another").click()
    assert is_written(page, other, len(other))


@pytest.mark.slow
def test_banned_tokens_are_not_written(serve, visit, language, exported):
    """The page draws from logits that still have them."""
    banned = tuple(sorted(set(controlled(language, 24)) - set(PROMPT))[:3])
    banning = exported("gru", 2, "char", banned_tokens=banned)
    page = visit(serve(language=banning).address)
    expected = controlled(banning, 24)
    assert write(page, PROMPT, 24) == expected
    assert len(banned) == 3
    assert not set(expected) & set(banned)
    # Nor offered, where a person asks what else was likely.
    shown(page, ".tokens > span").last.click()
    words = shown(page, ".likely button.line .word")
    words.first.wait_for()
    (tokens,) = banning.run("next_token", prompt=texts(expected[:-1]))["tokens"]
    signs = {" ": "␣", "\n": "↵", "\t": "⇥"}
    listed = [signs.get(token.decode(), token.decode()) for token in tokens]
    assert words.all_text_contents()[: len(listed)] == listed


def test_a_text_stops_before_a_string(serve, visit, language):
    page = visit(serve(language=language).address)
    whole = controlled(language, 24)
    # Across tokens, which are characters.
    stop = whole[len(PROMPT) + 8 : len(PROMPT) + 11]
    expected = controlled(language, 24, stop=[stop.encode()])
    assert len(expected) < len(whole)
    page.get_by_text("More control").click()
    written_stop = stop.replace("\n", "\\n").replace("\t", "\\t")
    shown(page, "#stop").fill(written_stop)
    assert write(page, PROMPT, 24) == expected
