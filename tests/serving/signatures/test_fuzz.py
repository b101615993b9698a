"""A few hundred of the requests of `fuzz.py`, for a model of characters and one of words."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..fuzz import check, requests


@pytest.mark.slow
@pytest.mark.parametrize(
    "language",
    [
        ("gru", 2, "char"),
        ("gru", 1, "word"),
        pytest.param(("lstm", 2, "word"), marks=pytest.mark.slow),
    ],
    ids=lambda language: "-".join(map(str, language)),
)
def test_any_request_ends_in_an_answer_or_is_an_invalid_argument(exported, language):
    language = exported(*language)

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def fuzz(data):
        check(language.run, data.draw(requests(language.signatures)))

    fuzz()


def test_eight_sessions_at_once_do_not_fail(exported):
    language = exported("gru", 1, "word")
    work = [
        ("score", {"text": ["the time machine"] * 3}),
        ("serving_default", {"prompt": ["the", "went on"]}),
        ("next_token", {"prompt": ["it's"]}),
    ]
    outcome = language.loader.soak(language.path, work, num_threads=8, seconds=2)
    assert outcome["errors"] == []
    assert outcome["count"] > 8
    assert len(outcome["resident"]) >= 2
