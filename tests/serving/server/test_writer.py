"""Text written a token at a time is the text of `generate`, however tokens are put together."""

import asyncio
import threading

import numpy as np
import pytest

from tfseq.serving.server.completions import writer as writer_module
from tfseq.serving.server.completions.choice import Usage
from tfseq.serving.server.completions.completion_request import ParameterError, read_request
from tfseq.serving.server.completions.generating import fitted, generate, generated, in_one_request
from tfseq.serving.server.completions.sessions import Knowledge
from tfseq.serving.wire.signature import Signature, TensorInfo
from tfseq.serving.writing.token_drawer import TokenDrawer

from .direct_session import DirectSession, written


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


@pytest.mark.slow
def test_banned_tokens_are_not_written(exported):
    """Tokens drawn here from the logits of `step`: it still gives those of banned tokens."""
    banned = ("a", "d", "\n", "想")
    language = exported("lstm", 1, "char", banned_tokens=banned)
    session = DirectSession(language)
    body = {"prompt": "bad", "max_tokens": 30, "temperature": 2, "seed": 4, "n": 3}
    request = read_request(body, "language")
    texts, _ = written(session, request)
    assert not set("".join(texts)) & set(banned)
    outputs = asyncio.run(generate(session, request.settings, ["bad"] * 3, request.seeds, 30))
    assert texts == [text.decode() for text in outputs["completion"]]
    free, _ = written(DirectSession(exported("lstm", 1, "char")), request)
    assert set("".join(free)) >= set(banned)


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


CONTROLS = {
    "none": {},
    "penalties": {"repeat_penalty": 1.4, "repeat_last_n": 5, "frequency_penalty": 0.3},
    "likelier": {"repeat_penalty": 0.5, "repeat_last_n": -1, "frequency_penalty": -1.5},
    "min_p": {"min_p": 0.2, "top_k": 7, "top_p": 0.95},
    "stop": {"stop": ["b", "on", ". ", "it's"]},
    "all": {"min_p": 0.02, "repeat_penalty": 1.2, "frequency_penalty": 1, "stop": ["d", "went t"]},
}


@pytest.mark.everyday(7)
@pytest.mark.parametrize("kind", ["char", "word"])
@pytest.mark.parametrize("asked", CONTROLS)
def test_controls_are_those_of_the_graph(exported, kind, asked):
    """A text in one request and one token by token are the same, for many seeds."""
    language = exported("lstm" if kind == "char" else "gru", 1, kind)
    session = DirectSession(language)
    body = {"prompt": "the machine ", "max_tokens": 25, "temperature": 1.5, "seed": -7, "n": 12}
    request = fitted(read_request(body | CONTROLS[asked], "language"), session)
    pieces = asyncio.run(generated(session, request, Usage()))
    assert [call[0] for call in session.calls].count("step") == 0
    texts, _ = written(session, request)
    assert texts == [piece.text for piece in pieces]
    assert len(set(texts)) > 6
    plain = fitted(read_request(body, "language"), session)
    assert (written(session, plain)[0] == texts) == (asked == "none")


def test_what_an_earlier_export_cannot_do_is_named(exported):
    session = DirectSession(exported("lstm", 1, "char"))
    session.signatures = {
        name: of for name, of in session.signatures.items() if name != "generate_controlled"
    }
    for name, value in (("min_p", 0.1), ("repeat_penalty", 2), ("frequency_penalty", 1)):
        request = read_request({"prompt": "a", name: value}, "language")
        with pytest.raises(ParameterError, match=f"`{name}` needs an export with") as fault:
            fitted(request, session)
        assert fault.value.param == name
    request = read_request({"prompt": "abe", "stop": ["b"], "max_tokens": 9}, "language")
    request = fitted(request, session)
    assert not in_one_request(session, request)
    assert "b" not in written(session, request)[0][0]


class LargeSession:
    """Many symbols, each of which follows the one before it; `step` is all that matters."""

    version, num_symbols = "1", 2**14

    def __init__(self):
        info = TensorInfo("DT_INT32", (-1,))
        self.signatures = {"step": Signature({"token_ids": info}, {})}
        self.knowledge = Knowledge()

    async def predict(self, signature, inputs):
        if signature == "encode":
            ids = [[1, 2, 3][: len(text)] for text in inputs["text"].tolist()]
            return {"token_ids": np.array(ids), "num_tokens": np.array([len(row) for row in ids])}
        if signature == "decode":
            rows = zip(inputs["token_ids"], inputs["num_tokens"], strict=True)
            texts = ["".join(f"{token};" for token in row[:n]) for row, n in rows]
            return {"text": np.array([text.encode() for text in texts], object)}
        following = inputs["token_ids"][:, None] + 1
        return {"logits": np.where(np.arange(self.num_symbols) == following, 9.0, 0).astype("f")}


def test_others_are_answered_while_many_rows_are_drawn(monkeypatch):
    """Much work is done in a thread, and comes to the same; little is done at once."""
    threads = []

    class Drawer(TokenDrawer):
        def draw(self, *arguments):
            threads.append(threading.current_thread())
            return super().draw(*arguments)

    monkeypatch.setattr(writer_module, "TokenDrawer", Drawer)
    for count in (1, 32):
        threads.clear()
        body = {"prompt": "a", "max_tokens": 3, "temperature": 0, "n": count}
        texts, _ = written(LargeSession(), read_request(body, "language"))
        assert texts == ["2;3;4;"] * count
        aside = [thread is not threading.main_thread() for thread in threads]
        assert aside == [count > 1] * 3
