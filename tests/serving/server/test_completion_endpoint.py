"""The endpoint of completions over a loaded export, without a server: time, faults, tokens."""

import asyncio
import contextlib
import json

import httpx
import pytest

pytest.importorskip("starlette", reason="starlette is not installed (extra `server`)")

from tfseq.serving.server.app import Access, make_app
from tfseq.serving.server.completions.endpoints import CompletionEndpoint
from tfseq.serving.server.options import Limits
from tfseq.serving.server.rest.metrics import Metrics

from .direct_session import DirectSession


class Session(DirectSession):
    """A session whose steps take a while, and fail after `most` of them."""

    seconds, most = 0.0, 10**6

    async def predict(self, signature, inputs):
        await asyncio.sleep(self.seconds)
        if [name for name, _ in self.calls].count("step") >= self.most:
            raise ValueError("bad luck")
        return await super().predict(signature, inputs)


def complete(session, body, **limits):
    """The answer to a request for completions of one session."""

    class Sessions:
        name = "letters"

        @contextlib.asynccontextmanager
        async def open(self):
            yield session

    async def go():
        endpoint = CompletionEndpoint(Sessions(), Limits(**limits), Metrics("letters"))
        app = make_app(endpoint, {"/v1/completions": endpoint}, endpoint, Access())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/v1/completions", json=body)

    return asyncio.run(go())


def events_of(answer):
    parts = answer.text.split("\n\n")
    assert parts.pop() == ""
    return [part.removeprefix("data: ") for part in parts]


@pytest.fixture
def session(exported):
    return Session(exported("lstm", 1, "char"))


@pytest.fixture
def words(exported):
    return Session(exported("gru", 1, "word"))


def test_a_whole_text_has_its_time_whatever_it_takes_to_write_it(session):
    """A step at a time, each within the limit, it would take two seconds."""
    session.seconds = 0.05
    body = {"prompt": "abe d", "max_tokens": 30, "logprobs": 1}
    answer = complete(session, body, timeout=0.3)
    assert answer.status_code == 504
    assert "within 0.3 s" in answer.json()["error"]["message"]
    assert len(session.calls) < 10


def test_a_fault_in_the_middle_of_a_stream_is_an_event(session, caplog):
    session.most = 9
    answer = complete(session, {"prompt": "abe d", "max_tokens": 30, "stream": True})
    *events, last = map(json.loads, events_of(answer))
    assert len(events) == 5
    assert last["error"]["type"] == "server_error"
    assert "bad luck" in last["error"]["message"]
    assert "bad luck" in caplog.text


@pytest.mark.parametrize("asked", [{}, {"stream_options": {"include_usage": True}}])
def test_all_events_say_whether_they_count(session, asked):
    answer = complete(session, {"prompt": "ab", "max_tokens": 3, "stream": True, **asked})
    *events, done = events_of(answer)
    assert done == "[DONE]"
    usages = [json.loads(event).get("usage", "left out") for event in events]
    if asked:
        usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
        assert usages == [None, None, None, usage]
    else:
        assert usages == ["left out"] * 3


def test_the_token_itself_is_among_the_likely_ones(session):
    """OpenAI's API shows it, so that there may be one more."""
    body = {"prompt": "abe d", "max_tokens": 20, "logprobs": 2, "temperature": 3, "seed": 1}
    (choice,) = complete(session, body).json()["choices"]
    shown = choice["logprobs"]
    for token, score, top in zip(
        shown["tokens"], shown["token_logprobs"], shown["top_logprobs"], strict=True
    ):
        assert top[token] == score
        assert len(top) == 2 + (score < sorted(top.values(), reverse=True)[1])
    assert {len(top) for top in shown["top_logprobs"]} == {2, 3}


PROMPTS = [
    "the time machine",
    "  the\n time,the",
    "the zebra machine went",
    "zz the zebra, fox machine . on",
    "想the . it's on",
    "The TIME",
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_words_are_where_their_offsets_say(words, prompt, stream):
    body = {"prompt": prompt, "max_tokens": 25, "logprobs": 1, "temperature": 1.5, "seed": 4}
    answer = complete(words, {**body, "echo": True, "stream": stream})
    parts = map(json.loads, events_of(answer)[:-1]) if stream else [answer.json()]
    text, tokens, offsets = "", [], []
    for part in parts:
        text += part["choices"][0]["text"]
        tokens += part["choices"][0]["logprobs"]["tokens"]
        offsets += part["choices"][0]["logprobs"]["text_offset"]
        # What was not given has no place yet.
        assert not offsets or offsets[-1] < len(text)
    assert text.startswith(prompt)
    assert len(tokens) > 25
    assert offsets == sorted(offsets)
    for token, offset in zip(tokens, offsets, strict=True):
        shown = text[offset : offset + len(token)]
        assert shown == token or shown.lower() == token or token == "<unk>", (token, offset)
    if "zebra" in prompt:
        assert prompt.index("zebra") in offsets
    assert max(offsets[:-25]) >= prompt.rindex(prompt.split()[-1])


@pytest.mark.parametrize("prompt", ["abe d", "xaXb\u0301c", "", "想要"])
def test_characters_are_where_their_offsets_say(session, prompt):
    body = {"prompt": prompt, "max_tokens": 9, "logprobs": 0, "echo": True, "seed": 4}
    (choice,) = complete(session, body).json()["choices"]
    shown = choice["logprobs"]
    for token, offset in zip(shown["tokens"], shown["text_offset"], strict=True):
        assert token in (choice["text"][offset], "<unk>")
    length, count = len(choice["text"]), len(shown["tokens"])
    # After nothing the first has no probability, and is not among them.
    assert count == length - (not prompt)
    assert shown["text_offset"] == list(range(length - count, length))
