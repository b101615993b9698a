"""Text of words that comes piece by piece, from a client that writes what it is told."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tfseq
from tfseq.serving import Client
from tfseq.serving.client.streaming import stream_text

from ..fake_server import Backend, RestServer

SIGNS = ". , : - / $ \" ' ( ) 1 20 300 u s well é 中 <eos>".split()


class Dictated:
    """A client whose model writes given tokens, one after the other."""

    def __init__(self, tokens):
        self.tokenizer = tfseq.WordTokenizer(line_ends=True)
        self.vocabulary = tfseq.Vocabulary(SIGNS)
        self.ids = self.vocabulary.token_to_id(tf.constant(tokens, tf.string)).numpy().tolist()
        self.left = list(self.ids)

    def encode(self, text):
        texts = [text] if isinstance(text, str) else text
        ids = self.vocabulary.token_to_id(self.tokenizer.tokenize(texts))
        return {"token_ids": ids.to_tensor().numpy(), "num_tokens": ids.row_lengths().numpy()}

    def decode(self, ids):
        tokens = self.vocabulary.id_to_token(tf.ragged.constant(ids, tf.int32, 1))
        return {"text": [text.decode() for text in self.tokenizer.detokenize(tokens).numpy()]}

    def initial_states(self, rows):
        return {}

    def step(self, ids, states):
        return {"logits": np.eye(len(self.vocabulary), dtype="float32")[[self.left.pop(0)]]}


@settings(max_examples=12)
@given(st.lists(st.sampled_from(SIGNS), min_size=1, max_size=8))
@example(["well", "-", "well", "/", "s"])
@example(["u", ".", "s", ".", "u", ".", "s", "."])
@example(["s", "-", "-", "-", "s", "-"])
@example([".", "u", "<eos>"])
@example(["<eos>", '"', "u", "<eos>", '"', ".", "1", ".", "1"])
def test_the_pieces_are_the_text(tokens):
    client = Dictated(tokens)
    pieces = list(stream_text(client, "u", len(tokens), temperature=0))
    assert "".join(pieces) == client.decode([client.ids])["text"][0]


@pytest.mark.parametrize(
    ("tokens", "pieces"),
    [
        (["well", "-", "well", "20"], ["well", "-well", " 20"]),
        (["u", ".", "s", ".", "well"], ["u", ".", "s.", " well"]),
        (["1", ".", "20", "<eos>", "1"], ["1", ".", "20", "\n", "1"]),
    ],
)
def test_only_what_may_close_up_waits(tokens, pieces):
    assert list(stream_text(Dictated(tokens), "u", len(tokens), temperature=0)) == pieces


@pytest.mark.slow
def test_banned_tokens_are_not_written(exported):
    """The logits of `step` still have them."""
    banned = ("a", "d", "\n", "想")
    server = RestServer(Backend(exported("gru", 2, "char", banned_tokens=banned)))
    with Client(server.address, "language", protocol="rest") as client:
        asked = {"temperature": 2.0, "seed": 5}
        text = "".join(client.stream("ad", 30, **asked))
        assert text == client.generate("ad", 30, **asked)["completion"][0]
        assert len(text) == 30
        assert not set(text) & set(banned)
    server.close()


def test_it_needs_numpy_alone(exported):
    """Texts, streams and controls by REST without what this package needs elsewhere."""
    server = RestServer(Backend(exported("gru", 2, "char")))
    code = f"""
import sys
for name in "tensorflow keras google grpc starlette uvicorn httpx tyro".split():
    sys.modules[name] = None  # Importing it raises ImportError.
from tfseq.serving import Client
asked = dict(temperature=1.2, seed=5, stop=["d"], min_p=0.01, repetition_penalty=1.2)
with Client({server.address!r}, "language", protocol="rest") as client:
    text = client.generate("ab", 20, **asked)["completion"][0]
    print(text == "".join(client.stream("ab", 20, **asked)) != "")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    server.close()
    assert (done.stdout, done.stderr) == ("True\n", "")
