"""Stop strings, min-p, penalties and banned tokens against the definitions in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.generation import TextGenerator, gumbel_noise

CHARACTERS = ("<unk>", *"abcd\né")
WORDS = ("<unk>", "the", "time", "machine", "u", "s", ".", ",", '"', "well", "-", "known", "5")
OFF = {
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "repetition_window": 64,
    "frequency_penalty": 0.0,
    "stop_strings": (),
}


def penalized(logits, last, repetition, frequency):
    """llama.cpp's penalties, token by token."""
    z = np.float64(logits)
    for token in set(last):
        count = last.count(token)
        z[token] = z[token] / repetition if z[token] > 0 else z[token] * repetition
        z[token] -= count * frequency
    return z


def kept(z, temperature, top_k, top_p, min_p):
    """The tokens that may be drawn, from the most probable on."""
    shares = np.exp((z - z.max()) / (temperature or 1.0))
    order = sorted(np.flatnonzero(z > -np.inf), key=lambda v: (-z[v], v))
    order = order[: top_k or None]
    total, mass, nucleus = sum(shares[v] for v in order), 0.0, []
    for v in order:
        if nucleus and mass >= top_p * total:
            break
        nucleus.append(v)
        mass += shares[v]
    return [v for v in nucleus if shares[v] >= min_p * shares.max()]


class Writer:
    """Writes by the definition: a whole pass over the text, and its whole text, for each token."""

    def __init__(self, model, tokens, detokenize):
        self.model, self.tokens, self.detokenize = model, tokens, detokenize
        whole_pass = tf.function(model.__call__, autograph=False)
        spec = tf.TensorSpec([None, None], tf.int32)
        self.whole_pass = whole_pass.get_concrete_function(spec)

    def logits(self, ids):
        if not ids:
            return self.model.logits(tf.zeros([1, self.model.hidden_size])).numpy()[0]
        return self.whole_pass(tf.constant([ids])).numpy()[0, -1]

    def write(self, prompt, count, temperature, seed, banned=(), **settings):
        """Completion, number of tokens, log probability, and whether a string stopped it."""
        s = OFF | settings
        ids, added, log_probability = [self.tokens.index(token) for token in prompt], [], 0.0
        noise = gumbel_noise(tf.constant([seed], tf.int64), 0, count, len(self.tokens))[0].numpy()
        text = ""
        for step_noise in noise:
            logits = self.logits(ids + added)
            z = np.float64(logits)
            z[[0, *banned]] = -np.inf
            last = (ids + added)[-s["repetition_window"] :] if s["repetition_window"] else []
            z = penalized(z, last, s["repetition_penalty"], s["frequency_penalty"])
            choice = kept(z, temperature, s["top_k"], s["top_p"], s["min_p"])
            token = max(choice, key=lambda v: z[v] + temperature * step_noise[v])
            log_probability += logits[token] - np.log(np.exp(np.float64(logits)).sum())
            added.append(int(token))
            text = self.detokenize([self.tokens[i] for i in added])
            places = [text.find(stop) for stop in s["stop_strings"] if stop and stop in text]
            if places:
                return text[: min(places)], len(added), log_probability, True
        return text, len(added), log_probability, False


@pytest.fixture(scope="module")
def characters(make_model):
    model = make_model(len(CHARACTERS), "gru", 2)
    vocabulary = tfseq.Vocabulary(CHARACTERS)
    generator = TextGenerator(model, tfseq.CharTokenizer(), vocabulary)
    return generator, Writer(model, CHARACTERS, "".join)


ROWS = [
    {"repetition_penalty": 1.3, "repetition_window": 3},
    {"repetition_penalty": 0.5, "frequency_penalty": 0.8, "repetition_window": 1},
    {"frequency_penalty": 1.5, "top_k": 3},
    {"frequency_penalty": -0.7, "repetition_penalty": 4.0, "top_p": 0.8},
    {"repetition_penalty": 9.0, "repetition_window": 0, "stop_strings": ["da", "\n"]},
    {"min_p": 0.3, "stop_strings": ["bé", "", "cc"]},
    {"min_p": 1.0, "repetition_penalty": 1.2},
    {"stop_strings": ["éa"]},
    {"min_p": 0.1, "top_k": 4, "top_p": 0.9, "frequency_penalty": 0.2, "stop_strings": ["aaa"]},
    {},
]


def columns(rows):
    """Settings of rows, each a list: one for each row."""
    return {name: [(OFF | row)[name] for row in rows] for name in OFF}


@pytest.mark.slow
def test_equals_the_definition(characters):
    generator, writer = characters
    prompts = ["ab", "", "d\nccc", "a", "ab", "", "bad", "é", "abc", "cab"]
    temperature = [1.0, 0.7, 2.0, 1.0, 1.5, 1.0, 3.0, 1.0, 1.0, 0.0]
    numbers = {"temperature": temperature, "seed": range(10), **columns(ROWS)}
    counts = [20, 9, 33, 17, 30, 30, 8, 40, 25, 11]
    together = generator.generate(prompts, counts, **numbers)
    for r, row in enumerate(together):
        settings = {name: values[r] for name, values in numbers.items()}
        completion, num_tokens, log_probability, stopped = writer.write(
            prompts[r], counts[r], **settings
        )
        assert row.completion == completion, r
        assert row.text == prompts[r] + completion
        assert (row.num_tokens, row.stopped, row.ended) == (num_tokens, stopped, False)
        assert row.log_probability == pytest.approx(log_probability, abs=1e-4)
        settings["stop_strings"] = [settings["stop_strings"]]
        assert generator.generate(prompts[r], counts[r], **settings)[:4] == pytest.approx(row[:4])
    assert sum(row.stopped for row in together) > 2


def test_off_gives_the_text_of_a_graph_without_controls(characters):
    generator, _ = characters
    plain = generator.generate(["ab"] * 12, 30, seed=range(12), top_k=[0, 3] * 6)
    off = [()] * 11 + [["\0"]]
    controlled = generator.generate(
        ["ab"] * 12, 30, seed=range(12), top_k=[0, 3] * 6, stop_strings=off
    )
    assert [row.text for row in controlled] == [row.text for row in plain]
    assert not any(row.stopped for row in controlled)


def test_a_string_of_any_length_stops_at_its_first_place(characters):
    generator, _ = characters
    seeds = range(16)
    whole = generator.generate(["ab"] * 16, 60, temperature=2.0, seed=seeds)
    stops = [[row.completion[i : i + 1 + i % 7]] for i, row in enumerate(whole, start=20)]
    rows = generator.generate(["ab"] * 16, 60, temperature=2.0, seed=seeds, stop_strings=stops)
    for full, row, (stop,) in zip(whole, rows, stops, strict=True):
        assert row.completion == full.completion[: full.completion.find(stop)]
        assert row.num_tokens == len(row.completion) + len(stop)
        assert row.stopped


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["word", "whitespace", "subword"])
def test_stop_strings_reach_over_tokens(make_model, kind):
    if kind == "subword":
        tokenizer = tfseq.SubwordTokenizer.learn(["the time, the machine é\n"] * 9, 285)
        tokens = ("<unk>", *tokenizer.tokens)
    else:
        tokenizer = {"word": tfseq.WordTokenizer, "whitespace": tfseq.WhitespaceTokenizer}[kind]()
        tokens = WORDS
    model = make_model(len(tokens), "gru", 1)
    generator = TextGenerator(model, tokenizer, tfseq.Vocabulary(tokens))

    def detokenize(words):
        return tokenizer.detokenize(tf.ragged.constant([words], tf.string)).numpy()[0].decode()

    writer = Writer(model, tokens, detokenize)
    seeds, temperature = range(6), 1.5
    whole = [writer.write([], 24, temperature, seed)[0] for seed in seeds]
    stops = [[text[len(text) // 2 :][: 2 + i]] for i, text in enumerate(whole)]
    rows = generator.generate([""] * 6, 24, temperature=temperature, seed=seeds, stop_strings=stops)
    for seed, row, stop in zip(seeds, rows, stops, strict=True):
        expected = writer.write([], 24, temperature, seed, stop_strings=stop)
        assert (row.completion, row.num_tokens, row.stopped) == (*expected[:2], expected[3])
        assert row.stopped


@pytest.mark.slow
def test_banned_tokens_are_not_written(characters):
    generator, writer = characters
    settings = {"temperature": 5.0, "seed": 3}
    row = generator.generate("ab", 30, banned_tokens=["b", "é"], **settings)
    banned = [CHARACTERS.index(token) for token in "bé"]
    assert row.completion == writer.write("ab", 30, banned=banned, **settings)[0]
    beams = generator.beam_search("ab", 5, banned_tokens="a")
    assert not any("a" in beam.completion for beam in beams)


def test_what_is_refused(characters):
    generator, _ = characters
    wrong = {
        "min_p": (1.5, "a number from 0 to 1"),
        "repetition_penalty": (0, "a number from 0.01 to 100"),
        "repetition_window": (-1, "an integer from 0"),
        "frequency_penalty": (float("nan"), "a number from -100 to 100"),
        "stop_strings": (["a"] * 5, "at most 4 strings"),
        "banned_tokens": ("ab", "tokens of the vocabulary"),
    }
    for name, (value, rule) in wrong.items():
        with pytest.raises(ValueError, match=f"`{name}` must be {rule}"):
            generator.generate("a", 1, **{name: value})
    with pytest.raises(ValueError, match="at most 64 bytes"):
        generator.generate("a", 1, stop_strings="é" * 33)
    with pytest.raises(ValueError, match="`stop_strings` must be"):
        generator.generate(["a", "b"], 1, stop_strings=[["a"]])
    with pytest.raises(ValueError, match="`banned_tokens` must leave a token"):
        generator.generate("a", 1, banned_tokens=CHARACTERS)
