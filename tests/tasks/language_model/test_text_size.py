"""Bits of a character and of a byte, worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfseq.models import LanguageModel
from tfseq.tasks.language_model.evaluation import text_size as module
from tfseq.tasks.language_model.evaluation.text_size import TextSize, text_size
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.task import LanguageModelTask
from tfseq.tasks.task import tokenizer_of
from tfseq.text import CharTokenizer, Vocabulary, WordTokenizer

# 11 characters; ï is 2 bytes of UTF-8, 猫 is 3 and 🎈 is 4.
TEXT = "naïve 猫 🎈e."
CHARACTERS = Vocabulary(sorted(set(TEXT)))


def evaluated(tmp_path, text, vocabulary, **options):
    """What a model without knowledge makes of a text: each token has the probability 1 / V."""
    options = LanguageModelOptions(**options)
    model = LanguageModel(len(vocabulary), units=2)
    model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
    task = LanguageModelTask(None, options, model, tokenizer_of(options), vocabulary)
    (tmp_path / "text.txt").write_text(text)
    figures = task.evaluate(tmp_path / "text.txt")
    return figures, task.describe(figures)


def test_characters_of_several_bytes(tmp_path):
    """The first character is read, not predicted: 10 are, of 16 bytes."""
    figures, told = evaluated(tmp_path, TEXT, CHARACTERS)
    bits = math.log2(len(CHARACTERS))
    assert (figures["num_tokens"], figures["num_unknown"]) == (10, 0)
    assert (figures["num_characters"], figures["num_bytes"]) == (
        10,
        1 + 2 + 1 + 1 + 1 + 3 + 1 + 4 + 2,
    )
    assert figures["cross_entropy"] == pytest.approx(math.log(len(CHARACTERS)))
    assert figures["bits_per_token"] == pytest.approx(bits)
    assert figures["bits_per_character"] == pytest.approx(bits)
    assert figures["bits_per_byte"] == pytest.approx(10 * bits / 16)
    assert told.splitlines() == [
        "text        10 characters predicted",
        f"perplexity  {len(CHARACTERS):.4f} per character",
        f"nats        {math.log(len(CHARACTERS)):.4f} per character",
        f"bits        {bits:.4f} per character, {bits / 1.6:.4f} per byte",
    ]


def test_an_unknown_character_is_one_character_of_unknown_bytes(tmp_path):
    figures, told = evaluated(tmp_path, TEXT + "ß", CHARACTERS)
    bits = math.log2(len(CHARACTERS))
    assert (figures["num_unknown"], figures["num_characters"], figures["num_bytes"]) == (
        1,
        11,
        None,
    )
    assert figures["bits_per_character"] == pytest.approx(bits)
    assert figures["bits_per_byte"] is None
    assert told.splitlines()[0] == "text        11 characters predicted, 1 of them <unk> (9.1%)"
    assert told.splitlines()[-1] == f"bits        {bits:.4f} per character"


def test_words_with_the_spaces_between_them(tmp_path):
    """Of `the`, `café`, `,`, `猫`, `!` the last four are predicted: `café, 猫!`."""
    vocabulary = Vocabulary(["the", "café", ",", "猫", "!"])
    text = "The café,  猫!\n"
    options = {"tokenizer": "word", "case_fold": True}
    figures, told = evaluated(tmp_path, text, vocabulary, **options)
    bits = 4 * math.log2(6)
    assert (figures["num_tokens"], figures["num_unknown"]) == (4, 0)
    assert (figures["num_characters"], figures["num_bytes"]) == (8, 11)
    assert figures["bits_per_token"] == pytest.approx(bits / 4)
    assert figures["bits_per_character"] == pytest.approx(bits / 8)
    assert figures["bits_per_byte"] == pytest.approx(bits / 11)
    assert told.splitlines()[0] == "text        4 words predicted, 8 characters"
    assert told.splitlines()[-1] == (
        f"bits        {bits / 4:.4f} per word, {bits / 8:.4f} per character, "
        f"{bits / 11:.4f} per byte of the normalized text"
    )
    figures, told = evaluated(tmp_path, "the dog, the café!", vocabulary, **options)
    assert (figures["num_tokens"], figures["num_unknown"]) == (5, 1)
    assert figures["bits_per_character"] is figures["bits_per_byte"] is None
    assert told.splitlines()[0] == "text        5 words predicted, 1 of them <unk> (20%)"
    assert told.splitlines()[-1] == f"bits        {bits / 4:.4f} per word"


@pytest.mark.parametrize("block_tokens", [1, 2, 3])
@pytest.mark.parametrize("tokenizer", [CharTokenizer(), WordTokenizer()])
def test_a_text_of_several_blocks(monkeypatch, tokenizer, block_tokens):
    monkeypatch.setattr(module, "_BLOCK_TOKENS", block_tokens)
    text = "to be (or not), 猫猫 is"
    tokens = tokenizer.tokenize(tf.constant(text))
    vocabulary = Vocabulary(sorted({t.decode() for t in tokens.numpy()}))
    ids = vocabulary.token_to_id(tokens).numpy().astype("uint8")
    size = len(text.encode())
    assert text_size(ids, tokenizer, vocabulary) == TextSize(len(ids), 0, len(text), size)
    ids[2] = 0
    assert text_size(ids, tokenizer, vocabulary).num_unknown == 1
