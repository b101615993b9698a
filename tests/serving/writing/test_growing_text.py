"""Text of tokens that come one by one: it is the text of all, from few requests."""

import random

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import tfseq
from tfseq.generation import gumbel_noise as noise_in_graph
from tfseq.generation.sampling import SamplerSettings, sample
from tfseq.serving import ServingError
from tfseq.serving.writing.drawing import draw, gumbel_noise
from tfseq.serving.writing.growing_text import GrowingText
from tfseq.serving.writing.token_texts import TokenTexts, answered

# Imported later, it ends Python with a fault.
pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")

SIGNS = (
    '. , : - / $ " \' ( ) 1 20 300 u s A B well the cat é 中 国 「 。 \u0301x « % -- "\u0301 <eos>'
).split()
# What is no word of the text: `<unk>`, then tokens in the order of the vocabulary.
FIRST_SIGN = 1


class Decoder:
    """`decode` of a model with these tokens; it counts what it is asked for."""

    def __init__(self, tokenizer, tokens):
        self.tokenizer, self.vocabulary = tokenizer, tfseq.Vocabulary(tokens)
        self.requests = self.asked = 0

    def __call__(self, rows):
        self.requests += 1
        self.asked += sum(map(len, rows))
        tokens = self.vocabulary.id_to_token(tf.ragged.constant(rows, tf.int32, 1))
        texts = self.tokenizer.detokenize(tokens)
        return [text.decode() for text in texts.numpy()]


WORDS = Decoder(tfseq.WordTokenizer(line_ends=True), SIGNS)
SPACED = Decoder(tfseq.WhitespaceTokenizer(line_ends=True), SIGNS)
CHARACTERS = Decoder(tfseq.CharTokenizer(), [*'abc 中é\n"-.\u0301\ufffd'])


@pytest.fixture(scope="module")
def parts():
    tokenizer = tfseq.SubwordTokenizer.learn(["the cat is well, 中国\n"] * 9, 290)
    return Decoder(tokenizer, tokenizer.tokens)


def grown(decoder, ids, of_words):
    growing = GrowingText(TokenTexts(of_words))
    pieces = [answered(growing.add(token), decoder) for token in ids]
    assert not growing.decodes_all
    return [*pieces, answered(growing.end(), decoder)]


def ids_of(num_tokens, size=40):
    """Rows of ids, often of few different ones: what repeats is hard to cut."""
    every = st.integers(FIRST_SIGN, num_tokens - 1)
    few = st.lists(every, min_size=1, max_size=5).flatmap(
        lambda some: st.lists(st.sampled_from(some), min_size=1, max_size=size)
    )
    return st.one_of(st.lists(every, min_size=1, max_size=size), few)


@settings(max_examples=15, deadline=None)
@given(ids_of(len(WORDS.vocabulary)))
@example([WORDS.vocabulary.tokens.index(t) for t in ['"', '"', "u", '"', "s", '"']])
@example([WORDS.vocabulary.tokens.index(t) for t in "u . s . u . s . u . s . u . s .".split()])
@example([WORDS.vocabulary.tokens.index(t) for t in ['"', '"', "the", '"', "中"]])
@example([WORDS.vocabulary.tokens.index(t) for t in ['"', '"\u0301', "\u0301x", '"', "cat", '"']])
def test_words_are_those_of_the_whole_and_nothing_is_taken_back(ids):
    assert "".join(grown(WORDS, ids, True)) == WORDS([ids])[0]


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(ids_of(len(WORDS.vocabulary), 80))
def test_words_of_many_texts(ids):
    assert "".join(grown(WORDS, ids, True)) == WORDS([ids])[0]


@settings(max_examples=6, deadline=None)
@given(ids_of(len(SPACED.vocabulary)))
def test_spaced_words(ids):
    assert "".join(grown(SPACED, ids, True)) == SPACED([ids])[0]


@settings(max_examples=6, deadline=None)
@given(ids_of(len(CHARACTERS.vocabulary)))
def test_characters_come_at_once(ids):
    pieces = grown(CHARACTERS, ids, False)
    assert "".join(pieces) == CHARACTERS([ids])[0]
    partial = CHARACTERS.vocabulary.tokens.index("\ufffd")
    if partial not in ids:
        assert pieces == [CHARACTERS.vocabulary.tokens[token] for token in ids] + [""]


def check_parts(parts, ids):
    pieces = grown(parts, ids, False)
    assert "".join(pieces) == parts([ids])[0]
    # What waits is at most the beginning of one character.
    text = ""
    for number, piece in enumerate(pieces[:-1]):
        text += piece
        assert text == parts([ids[: number + 1]])[0].removesuffix("\ufffd")


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(ids=ids_of(290, 20))
def test_subwords_are_those_of_the_whole(parts, ids):
    check_parts(parts, ids)


@pytest.mark.parametrize(
    "data", ["🎈é\ufffd".encode(), b"\xf0\x9f\x8eA\xe2\x96" * 7, b"\x80" * 40], ids=range(3)
)
def test_bytes_of_characters_and_of_none(parts, data):
    check_parts(parts, [parts.vocabulary.tokens.index(f"<0x{byte:02X}>") for byte in data])


def asked_for(decoder, ids, of_words, likely=(), texts=None):
    """The text, and how many requests and tokens it took."""
    decoder.requests = decoder.asked = 0
    growing = GrowingText(texts or TokenTexts(of_words))
    text = "".join(answered(growing.add(token, likely), decoder) for token in ids)
    text += answered(growing.end(), decoder)
    return text, decoder.requests, decoder.asked


def prose(length):
    """Words and signs as prose has them, at random."""
    vocabulary = WORDS.vocabulary.tokens
    plain = ["well", "the", "cat", "the", "cat", "u", "20"]
    rng, tokens = random.Random(5), []
    while len(tokens) < length:
        tokens += [*rng.choices(plain, k=rng.randint(2, 9)), rng.choice([",", ".", "-", "("])]
        if rng.random() < 0.2:
            tokens += ['"', *rng.choices(plain, k=5), '"']
    return [vocabulary.index(token) for token in tokens[:length]]


def test_few_requests_and_tokens_whatever_the_length(parts):
    """Twice the text asks for no more than twice the tokens, its own once; words rarely ask."""
    cases = [
        (WORDS, prose, True, 0.3),
        (CHARACTERS, lambda n: ([1, 2, 3, 4, 5, 6] * n)[:n], False, 0.1),
        (parts, lambda n: ([260, 270, 280] * n)[:n], False, 0.1),
    ]
    for decoder, ids, of_words, most in cases:
        _, few, asked = asked_for(decoder, ids(200), of_words)
        text, many, asked_twice = asked_for(decoder, ids(400), of_words)
        assert text == decoder([ids(400)])[0]
        assert many - few <= most * 200
        assert asked_twice < 8 * 400
        assert asked_twice < 2.2 * asked + 100


def test_a_quote_is_decoded_when_it_ends():
    words = WORDS.vocabulary.tokens
    inside = ["the", "cat"] * 30
    ids = [words.index(token) for token in ["well", '"', *inside, '"', "well"]]
    text, requests, _ = asked_for(WORDS, ids, True)
    assert text == 'well "' + " ".join(inside) + '" well'
    assert requests < 20
    assert grown(WORDS, ids, True)[1:] == [' "'] + [""] * 60 + [" ".join(inside) + '"', " well", ""]


def test_likely_texts_are_asked_for_together():
    _, alone, _ = asked_for(CHARACTERS, [1, 2, 3, 4, 5, 6], False)
    _, together, _ = asked_for(CHARACTERS, [1, 2, 3, 4, 5, 6], False, likely=[6, 5, 4, 3, 2, 1])
    assert (alone, together) == (7, 2)


def test_a_server_may_take_few_rows(parts):
    def decode(rows):
        if len(rows) > 3:
            raise ServingError("INVALID_ARGUMENT", "larger than maximum input batch size")
        return parts(rows)

    ids = [260, 270, 280, 5, 5, 6] * 4
    growing = GrowingText(TokenTexts(of_words=False))
    text = "".join(answered(growing.add(token, likely=range(1, 50)), decode) for token in ids)
    assert text + answered(growing.end(), decode) == parts([ids])[0]

    def refuse(rows):
        raise ServingError("INVALID_ARGUMENT", "no")

    with pytest.raises(ServingError):
        answered(GrowingText(TokenTexts(of_words=False)).add(1, [2, 3]), refuse)


def test_a_tokenizer_of_ones_own_is_decoded_as_a_whole():
    """Its `up` makes a capital of what follows, which no part of a text tells."""

    def decode(rows):
        return ["".join("abc "[i] if i < 4 else "" for i in row).upper() if 4 in row else
                "".join("abc "[i] for i in row) for row in rows]  # fmt: skip

    growing = GrowingText(TokenTexts(of_words=False))
    ids = [0, 1, 2, 3] * 3 + [4] + [0, 1, 2, 3] * 200
    asked, text = [], ""
    for token in ids:
        text += answered(
            growing.add(token), lambda rows: (asked.extend(map(len, rows)), decode(rows))[1]
        )
    assert growing.decodes_all
    assert len(text) > 0.8 * len(ids)
    assert len(text + answered(growing.end(), decode)) == len(decode([ids])[0])
    # The whole ever more seldom.
    assert sum(asked) < 20 * len(ids)


def test_numbers_are_drawn_as_in_the_graph():
    """Bits are the same; of logarithms the last bit may differ."""
    rng = np.random.default_rng(3)
    for number, seed in enumerate((0, 7, -1, -(2**63), 2**63 - 1, 123456789012345)):
        symbols = (1, 5, 100, 4097)[number % 4]
        expected = noise_in_graph(tf.constant([seed], tf.int64), number, 1, symbols)[:, 0]
        noise = gumbel_noise(np.array([seed]), number, symbols)
        np.testing.assert_allclose(noise, expected, rtol=2.4e-7, atol=2.4e-7)
        for top_k, top_p, temperature in ((0, 1, 1), (3, 1, 0.5), (0, 0.7, 2), (40, 0.9, 0)):
            logits = np.round(rng.normal(size=symbols).astype("float32") * 3, 1)
            settings = SamplerSettings(temperature, top_k, top_p, seed)
            drawn = draw(logits[np.newaxis], noise, temperature, top_k, top_p)[0]
            assert drawn == sample(logits[np.newaxis], expected, settings).numpy()[0]
