"""Text written a token at a time is the text of `generate`, however tokens are put together."""

import asyncio

import numpy as np
import pytest

from tfseq.serving.server.completions.completion_request import read_request
from tfseq.serving.server.completions.sessions import Knowledge
from tfseq.serving.server.completions.generating import generate
from tfseq.serving.server.completions.writer import Writer
from tfseq.serving.server.models.signatures import read_signatures


class DirectSession:
    """A session with a loaded export, whose requests are counted."""

    version = "1"

    def __init__(self, exported):
        self.run = exported.run
        self.signatures, self.knowledge = read_signatures(exported.path), Knowledge()
        self.calls = []

    async def predict(self, signature, inputs):
        self.calls.append((signature, inputs))
        return self.run(signature, **inputs)


def written(session, request):
    """The texts of the choices of the first prompt, and how many pieces each came in."""

    async def go():
        texts = [""] * len(request.seeds)
        pieces = [0] * len(texts)
        async for piece in Writer(session, request, request.prompts[0], 0).write():
            texts[piece.index] += piece.text
            pieces[piece.index] += bool(piece.text)
        return texts, pieces

    return asyncio.run(go())


@pytest.mark.parametrize(
    "kind",
    ["char", "word", pytest.param("subword", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("prompt", ["the ", "a", ""])
def test_it_is_the_text_of_generate(exported, kind, prompt):
    if kind == "subword" and not prompt:
        pytest.skip("the first token of a model of subwords is taken from a text")
    language = exported(
        *{"char": ("lstm", 1), "word": ("gru", 1), "subword": ("gru", 1)}[kind], kind
    )
    session = DirectSession(language)
    body = {"prompt": prompt, "max_tokens": 25, "temperature": 1.5, "seed": 11, "n": 3}
    request = read_request(body, "language")
    texts, pieces = written(session, request)
    outputs = asyncio.run(generate(session, request.settings, [prompt] * 3, request.seeds, 25))
    whole = [text.decode() for text in outputs["text"].tolist()]
    assert [prompt + text for text in texts] == whole
    assert max(pieces) > 3


def calls_of(session, request):
    """How many requests there were for `step`, and the others."""
    session.calls.clear()
    (text,), _ = written(session, request)
    names = [signature for signature, _ in session.calls]
    return text, names.count("step"), [c for c in session.calls if c[0] != "step"]


def test_the_work_is_linear_and_a_request_a_token(exported):
    """What is asked for one more token does not grow with the text before it."""
    session = DirectSession(exported("lstm", 1, "char"))
    request = read_request({"prompt": "abe d", "max_tokens": 30, "seed": 1}, "language")
    text, steps, others = calls_of(session, request)
    assert steps == 5 + 29
    # Of tokens' kind, texts and twice the whole to compare; the whole at the end.
    assert len(others) <= 8
    again, steps, others = calls_of(session, request)
    assert (again, steps) == (text, 34)
    assert [signature for signature, _ in others] == ["encode"] + ["decode"] * 3


def test_words_take_a_request_a_token(exported):
    """A long text is put together from few parts, each decoded once."""
    session = DirectSession(exported("gru", 1, "word"))
    request = read_request({"prompt": "the", "max_tokens": 300, "seed": 4}, "language")
    text, steps, others = calls_of(session, request)
    assert steps == 300
    decoded = [inputs["token_ids"] for signature, inputs in others if signature == "decode"]
    assert len(decoded) < 300 / 4
    assert sum(ids.size for ids in decoded) < 300 * 12
    whole = max(decoded, key=np.size)
    assert whole.shape == (1, 300)
    lengths = np.array([300], "int32")
    expected = session.run("decode", token_ids=whole, num_tokens=lengths)["text"][0]
    assert text.lstrip() == expected.decode()
    # What another text shows of them need not be asked for again.
    again, _, others = calls_of(session, request)
    assert again == text
    assert len(others) <= 10
