"""`TextGenerator`: strings in, strings out, and what it refuses."""

import math

import numpy as np
import pytest

import tfseq
from tfseq.generation import TextGenerator

CHARACTERS = list("abcde \n想要有")
WORDS = ["the", "time", "machine", "想", "，", ".", "went", "on"]


@pytest.fixture(scope="module")
def generator(make_model):
    vocabulary = tfseq.Vocabulary(CHARACTERS)
    return TextGenerator(make_model(len(vocabulary), "lstm", 2), tfseq.CharTokenizer(), vocabulary)


@pytest.fixture(scope="module")
def word_generator(make_model):
    vocabulary = tfseq.Vocabulary(WORDS)
    return TextGenerator(make_model(len(vocabulary)), tfseq.WordTokenizer(), vocabulary)


@pytest.mark.slow
def test_one_prompt_and_a_list_of_it(generator):
    one = generator.generate("abc", 8, seed=3)
    assert one.text == "abc" + one.completion
    assert one.num_tokens == len(one.completion) == 8
    assert set(one.completion) <= set(CHARACTERS)
    (same,) = generator.generate(["abc"], 8, seed=3)
    assert same == one
    assert generator.generate([], 8) == []


def test_settings_may_differ_from_row_to_row(generator):
    prompts = ["ab", "", "想要", "ab"]
    rows = generator.generate(
        prompts, [3, 5, 0, 3], temperature=[1, 0, 0.5, 1], top_k=[0, 0, 2, 0], seed=[1, 2, 3, 1]
    )
    assert [row.num_tokens for row in rows] == [3, 5, 0, 3]
    assert rows[0] == rows[3]
    assert rows[1].text == generator.generate("", 5, temperature=0).text
    assert rows[2].text == "想要"


def test_seeds_give_different_texts_and_greedy_needs_none(generator):
    texts = {row.text for row in generator.generate(["a"] * 20, 20, seed=range(20))}
    assert len(texts) > 15
    greedy = {row.text for row in generator.generate(["a"] * 20, 20, temperature=0, seed=range(20))}
    assert len(greedy) == 1


@pytest.mark.parametrize("prompt", ["ab", "a", "想 要z"])
def test_log_probability_is_the_rest_of_the_score(generator, prompt):
    row = generator.generate(prompt, 12, temperature=3.0, top_k=4, seed=5)
    whole, beginning = generator.score([row.text, prompt])
    assert whole.log_probability - beginning.log_probability == pytest.approx(
        row.log_probability, abs=1e-3
    )


def test_scores(generator):
    several, one, none = generator.score(["abcab", "a", ""])
    assert several.num_tokens == 4
    assert several.token_log_probabilities.shape == (4,)
    assert several.log_probability == pytest.approx(several.token_log_probabilities.sum(), rel=1e-6)
    assert several.perplexity == pytest.approx(math.exp(-several.log_probability / 4), rel=1e-6)
    for nothing in (one, none):
        assert nothing[:3] == (0, 0, 1)
    assert generator.score("abcab").log_probability == pytest.approx(
        several.log_probability, abs=1e-5
    )
    assert generator.score([]) == []


def test_bad_bytes_and_unknown_symbols_are_no_errors(generator):
    rows = generator.generate([b"a\xff\xfeb", "zzz", "\0", "\udcff", "e\u0301 👩‍👩‍👧 שלום"], 2)
    assert rows[0].text.startswith("a\ufffd\ufffdb")
    assert rows[1].text.startswith("zzz")
    assert rows[2].text.startswith("\0")
    # What Python makes of a byte on a command line is that byte again: one character.
    assert rows[3].text == "\ufffd" + rows[3].completion
    assert rows[4].text.startswith("e\u0301 👩‍👩‍👧 שלום")
    # A symbol outside the vocabulary is read as <unk>: which one does not matter.
    assert rows[1].completion == generator.generate("yyy", 2).completion


@pytest.mark.slow
def test_words_are_joined_as_words(word_generator):
    row = word_generator.generate("The time", 30, seed=1)
    assert row.text.startswith("The time")
    tokens = tfseq.WordTokenizer().tokenize(row.completion).numpy()
    assert len(tokens) == 30
    assert {token.decode() for token in tokens} <= set(WORDS)


@pytest.mark.slow
def test_letters_keep_the_prompt_as_it_was(make_model):
    vocabulary = tfseq.Vocabulary(list("abc "))
    tokenizer = tfseq.CharTokenizer(normalization="letters")
    generator = TextGenerator(make_model(len(vocabulary)), tokenizer, vocabulary)
    row = generator.generate("A, b\n", 6)
    assert row.text == "A, b\n" + row.completion
    assert row.completion == generator.generate("a b", 6).completion


def test_it_follows_the_model_through_training(make_model):
    vocabulary = tfseq.Vocabulary(CHARACTERS)
    model = make_model(len(vocabulary))
    generator = TextGenerator(model, tfseq.CharTokenizer(), vocabulary)
    before = generator.score("abc").log_probability
    model.output_bias.assign(model.output_bias * 0 + np.arange(len(vocabulary)))
    assert generator.score("abc").log_probability != before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_new_tokens": -1}, "`max_new_tokens` must be an integer from 0. Received: -1."),
        ({"max_new_tokens": 1.5}, "`max_new_tokens` must be an integer"),
        ({"max_new_tokens": [1, 2]}, "`max_new_tokens` must be one number, or one for each"),
        ({"temperature": -0.1}, "`temperature` must be a finite number from 0"),
        ({"temperature": math.nan}, "`temperature` must be a finite number"),
        ({"temperature": math.inf}, "`temperature` must be a finite number"),
        ({"top_k": -1}, "`top_k` must be an integer from 0"),
        ({"top_p": 1.1}, "`top_p` must be a number from 0 to 1"),
        ({"top_p": "much"}, "`top_p` must be a number from 0 to 1. Received: 'much'."),
        ({"seed": 2**63}, "`seed` must be a 64-bit integer"),
        ({"seed": True}, "`seed` must be a 64-bit integer"),
    ],
)
def test_settings_out_of_range(generator, wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        generator.generate("a", **{"max_new_tokens": 1, **wrong})


def test_model_and_vocabulary_must_fit(make_model):
    with pytest.raises(ValueError, match="as many tokens as the model has symbols, 5"):
        TextGenerator(make_model(5), tfseq.CharTokenizer(), tfseq.Vocabulary(["a"]))
    with pytest.raises(ValueError, match="a token besides <unk>"):
        TextGenerator(make_model(1), tfseq.CharTokenizer(), tfseq.Vocabulary([]))
