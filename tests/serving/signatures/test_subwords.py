"""A language model of subwords, run by the C API alone: its ids, its text, and its stream."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.serving.client.streaming import stream_text

TEXTS = ["the time machine", "", "  it's ▁on\t\r\n", "想要 🎈", "<0x0A>\n\n", "w\0▅\ufffd"]


@pytest.fixture(scope="module")
def language(exported):
    return exported("gru", 1, "subword")


@pytest.fixture(scope="module")
def parts(make_language):
    return make_language("gru", 1, "subword")


def test_encode_equals_python_and_decode_gives_the_text_back(language, parts):
    _, tokenizer, vocabulary = parts
    outputs = language.run("encode", text=TEXTS)
    expected = vocabulary.token_to_id(tokenizer.tokenize(TEXTS))
    np.testing.assert_array_equal(outputs["token_ids"], expected.to_tensor(0))
    assert expected.values.numpy().min() > 0
    assert [text.decode() for text in language.run("decode", **outputs)["text"]] == TEXTS


def test_score_is_the_product_of_the_steps(language):
    """log P(x_2, …, x_n | x_1), of the logits that `step` gives."""
    ids = language.run("encode", text=TEXTS[:1])["token_ids"]
    states, total = {"state_0": np.zeros([1, 12], "float32")}, 0.0
    for now, following in zip(ids[0], ids[0, 1:], strict=False):
        outputs = language.run("step", token_ids=[now], **states)
        logits = outputs["logits"][0].astype("float64")
        total += logits[following] - np.log(np.exp(logits).sum())
        states = {"state_0": outputs["state_0"]}
    score = language.run("score", text=TEXTS[:1])
    assert score["num_tokens"].tolist() == [len(ids[0]) - 1]
    assert score["log_probability"][0] == pytest.approx(total, rel=1e-5)


class Client:
    """What `stream_text` calls, answered by the loader."""

    def __init__(self, language):
        self.language, self.texts = language, []

    def encode(self, text):
        return self.language.run("encode", text=[text] if isinstance(text, str) else text)

    def decode(self, rows):
        rows = np.int32(rows)
        lengths = np.full(len(rows), rows.shape[1], "int32")
        answer = self.language.run("decode", token_ids=rows, num_tokens=lengths)
        return {"text": [text.decode() for text in answer["text"]]}

    def initial_states(self, rows):
        return {"state_0": np.zeros([rows, 12], "float32")}

    def step(self, ids, states):
        return self.language.run("step", token_ids=np.int32(ids), **states)

    def generate(self, prompt, number, temperature, top_k, top_p, seed):
        given = {"max_new_tokens": np.int32(number), "temperature": np.float32(temperature)}
        given |= {"top_k": np.int32(top_k), "top_p": np.float32(top_p), "seed": np.int64(seed)}
        answer = self.language.run(
            "generate", prompt=[prompt], **{k: [v] for k, v in given.items()}
        )
        return {"completion": [text.decode() for text in answer["completion"]]}


@pytest.mark.parametrize("prompt", ["the", ""])
def test_a_stream_is_the_text_of_generate(language, prompt):
    """A lively model writes bytes at random: characters come whole, or as U+FFFD at once."""
    client = Client(language)
    for seed in range(3):
        settings = {"temperature": 0.5, "top_k": 0, "top_p": 1.0, "seed": seed}
        pieces = list(stream_text(client, prompt, 12, **settings))
        assert "".join(pieces) == client.generate(prompt, 12, **settings)["completion"][0]


class Dictated(Client):
    """Its model writes given tokens."""

    def __init__(self, language, ids):
        super().__init__(language)
        self.ids = iter(ids)

    def step(self, ids, states):
        return {"logits": np.eye(290, dtype="float32")[[next(self.ids)]], **states}


def test_a_stream_has_whole_characters_only(language, parts):
    _, tokenizer, vocabulary = parts
    tokens = tokenizer.tokenize("the 🎈é\ufffd!").numpy().tolist()
    ids = vocabulary.token_to_id(tf.constant(tokens)).numpy()
    pieces = list(stream_text(Dictated(language, ids), "the", len(ids), temperature=0))
    assert pieces == ["the", " ", "🎈", "é", "\ufffd!"]
