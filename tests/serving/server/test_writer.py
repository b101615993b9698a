"""Text written a token at a time is the text of `generate`, however tokens are put together."""

import asyncio

import numpy as np
import pytest

from tfseq.serving.server.completions.completion_request import read_request
from tfseq.serving.server.completions.sessions import Knowledge
from tfseq.serving.server.completions.writer import Writer, generate_inputs
from tfseq.serving.server.models.signatures import read_signatures


class DirectSession:
    """A session with a loaded export, whose requests are counted."""

    version = "1"

    def __init__(self, exported):
        self._exported = exported
        self.signatures, self.knowledge = read_signatures(exported.path), Knowledge()
        self.calls = []

    async def predict(self, signature, inputs):
        self.calls.append((signature, inputs))
        return self._exported.run(signature, **inputs)


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
    outputs = language.run("generate", **generate_inputs(request, [prompt] * 3, request.seeds, 25))
    whole = [text.decode() for text in outputs["text"].tolist()]
    assert [prompt + text for text in texts] == whole
    assert max(pieces) > 3


def test_the_work_is_linear_and_a_request_a_token(exported):
    """What is asked for one more token does not grow with the text before it."""
    language = exported("lstm", 1, "char")
    session = DirectSession(language)
    request = read_request({"prompt": "abe d", "max_tokens": 30, "seed": 1}, "language")
    written(session, request)
    steps = [inputs for signature, inputs in session.calls if signature == "step"]
    others = [inputs for signature, inputs in session.calls if signature != "step"]
    assert len(steps) == 5 + 29
    assert len(others) <= 4
    assert max(inputs.get("token_ids", np.zeros([1, 1])).shape[1] for inputs in others) <= 4
    # The second text is asked for without any of them.
    session.calls.clear()
    written(session, request)
    assert [signature for signature, _ in session.calls] == ["encode"] + ["step"] * 34


def test_words_are_put_together_from_the_last_ones(exported):
    """A long text is decoded a bounded part at a time, and comes out as it does in one."""
    language = exported("gru", 1, "word")
    session = DirectSession(language)
    request = read_request({"prompt": "the", "max_tokens": 300, "seed": 4}, "language")
    (text,), _ = written(session, request)
    decoded = [inputs["token_ids"] for signature, inputs in session.calls if signature == "decode"]
    # Of that which is in quotes, the whole is decoded, once.
    sizes = sorted(ids.shape[1] for ids in decoded)
    assert sizes[len(sizes) * 9 // 10] < 100
    assert sum(sizes) < 300 * 100
    steps = [inputs["token_ids"] for signature, inputs in session.calls if signature == "step"]
    ids = np.append(np.concatenate(steps)[1:], decoded[-1][0, -1])
    expected = language.run(
        "decode", token_ids=ids[None].astype("int32"), num_tokens=np.array([300], "int32")
    )
    assert text.lstrip() == expected["text"][0].decode()
