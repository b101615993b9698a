"""The tokenizer of text that is tokenized already, beside Python's `str.split`."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseq.text import Vocabulary, WhitespaceTokenizer, count_tokens, make_tokenizer

SPACES = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
TEXT = st.text() | st.text(st.sampled_from(SPACES + "ab<>'.,\u200b\ufeff中é\u0301\\"))
PLAIN, LINES = WhitespaceTokenizer(), WhitespaceTokenizer(line_ends=True)


def tokens_of(text, tokenizer=PLAIN):
    return [token.decode() for token in tokenizer.tokenize(tf.constant(text)).numpy()]


@given(TEXT)
def test_tokens_are_those_of_str_split(text):
    assert tokens_of(text) == text.split()
    assert PLAIN.detokenize(PLAIN.tokenize(text)).numpy().decode() == " ".join(text.split())


@given(TEXT)
def test_the_text_of_tokens_has_the_same_tokens_and_lines(text):
    tokens = tokens_of(text, LINES)
    printed = LINES.detokenize(LINES.tokenize(text)).numpy().decode()
    assert tokens_of(printed, LINES) == tokens
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert printed == "\n".join(" ".join(line.split()) for line in lines)


def test_published_text_stays_whole():
    text = " <unk> is n't 5.2 @-@ u.s. N \n = Heading = \n"
    assert tokens_of(text) == text.split()
    assert tokens_of(text, LINES) == [
        *["<unk>", "is", "n't", "5.2", "@-@", "u.s.", "N", "<eos>"],
        *["=", "Heading", "=", "<eos>"],
    ]


def test_an_unknown_word_of_the_text_is_that_of_the_vocabulary():
    counts = count_tokens(["the <unk> the <unk> <unk> N"], PLAIN)
    vocabulary = Vocabulary.build(counts)
    assert vocabulary.tokens == ("<unk>", "the", "N")
    assert vocabulary.token_to_id(PLAIN.tokenize("<unk> the egg N")).numpy().tolist() == [
        0,
        1,
        0,
        2,
    ]


def test_a_line_end_that_is_written_out_is_the_same_token():
    assert tokens_of("a <eos> b<eos>", LINES) == ["a", "<eos>", "b<eos>"]
    assert LINES.detokenize([["a", "<eos>", "b<eos>"]]).numpy().tolist() == [b"a\nb<eos>"]
    assert PLAIN.detokenize([["a", "<eos>", "b"]]).numpy().tolist() == [b"a <eos> b"]


@pytest.mark.parametrize(
    ("prompt", "completion", "joined"),
    [("a", "b", "a b"), ("a ", "b", "a b"), ("", "b", "b"), ("a", "", "a"), ("a", "\nb", "a\nb")],
)
def test_join(prompt, completion, joined):
    assert (
        LINES.join(tf.constant([prompt]), tf.constant([completion])).numpy()[0].decode() == joined
    )


def test_in_graph_and_of_any_shape():
    traced = tf.function(LINES.tokenize, input_signature=[tf.TensorSpec([None], tf.string)])
    assert traced(tf.constant(["a b\n", "", "c"])).to_list() == [[b"a", b"b", b"<eos>"], [], [b"c"]]
    assert PLAIN.tokenize([["a b"], ["c"]]).to_list() == [[[b"a", b"b"]], [[b"c"]]]


def test_config():
    config = {"kind": "whitespace", "normalization": "nfkc", "case_fold": True}
    assert make_tokenizer(config).get_config() == config
    assert make_tokenizer(config | {"line_ends": False}).get_config() == config
    assert LINES.get_config()["line_ends"] is True
    with pytest.raises(TypeError):
        make_tokenizer({"kind": "char", "line_ends": True})
