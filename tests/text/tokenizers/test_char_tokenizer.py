import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.text import CharTokenizer, make_tokenizer


def tokens_of(text, tokenizer):
    return [token.decode() for token in tokenizer.tokenize(tf.constant(text)).numpy()]


@given(st.text())
def test_characters_are_those_of_python(text):
    assert tokens_of(text, CharTokenizer()) == list(text)


@given(st.lists(st.text(), min_size=1))
def test_detokenize_undoes_tokenize(texts):
    tokenizer = CharTokenizer()
    joined = tokenizer.detokenize(tokenizer.tokenize(tf.constant(texts))).numpy()
    assert [text.decode() for text in joined] == texts


@given(st.text(st.sampled_from("abé\n中 ﬁ")), st.sampled_from(["none", "nfkc", "letters"]))
def test_distinct_tokens_are_those_of_unique(text, normalization):
    tokenizer = CharTokenizer(normalization)
    distinct, index = tokenizer.tokenize_distinct(text)
    expected, places = tf.unique(tokenizer.tokenize(text))
    assert distinct.numpy().tolist() == expected.numpy().tolist()
    assert index.numpy().tolist() == places.numpy().tolist()


def test_every_code_point():
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    tokens = CharTokenizer().tokenize(text).numpy()
    assert b"".join(tokens).decode() == text
    assert len(tokens) == len(text)


def test_shapes():
    tokenizer = CharTokenizer()
    assert tokenizer.tokenize("abc").shape == [3]
    assert tokenizer.tokenize("").shape == [0]
    assert tokenizer.tokenize(["ab", "", "c"]).to_list() == [[b"a", b"b"], [], [b"c"]]
    assert tokenizer.tokenize([["ab"], ["c"]]).to_list() == [[[b"a", b"b"]], [[b"c"]]]
    assert tokenizer.tokenize(tf.zeros([0], tf.string)).to_list() == []


def test_letters_drops_line_breaks_and_keeps_outer_spaces():
    assert "".join(tokens_of(" One,\ntwo. \n", CharTokenizer("letters"))) == " onetwo"


def test_nfkc_and_case_folding():
    assert tokens_of("ﬁÉ", CharTokenizer("nfkc")) == ["f", "i", "É"]
    assert tokens_of("ﬁÉ", CharTokenizer("nfkc", case_fold=True)) == ["f", "i", "é"]


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(st.text(), min_size=1, max_size=3))
def test_eager_and_traced_and_tf_data_agree(texts):
    tokenizer = CharTokenizer("nfkc", case_fold=True)
    eager = tokenizer.tokenize(tf.constant(texts)).to_list()
    assert TRACED(tf.constant(texts)).to_list() == eager
    dataset = tf.data.Dataset.from_tensors(texts).map(tokenizer.tokenize)
    assert next(iter(dataset)).to_list() == eager
    assert [tokenizer.tokenize(text).numpy().tolist() for text in texts] == eager


TRACED = tf.function(
    CharTokenizer("nfkc", case_fold=True).tokenize,
    input_signature=[tf.TensorSpec([None], tf.string)],
)


def test_join_concatenates():
    joined = CharTokenizer().join(tf.constant(["a ", ""]), tf.constant(["b", "c"]))
    assert joined.numpy().tolist() == [b"a b", b"c"]


@pytest.mark.parametrize("normalization", ["none", "nfkc", "letters"])
@pytest.mark.parametrize("case_fold", [False, True])
def test_config(normalization, case_fold):
    config = {"kind": "char", "normalization": normalization, "case_fold": case_fold}
    tokenizer = make_tokenizer(config)
    assert isinstance(tokenizer, CharTokenizer)
    assert tokenizer.get_config() == config


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`normalization` must be one of"):
        CharTokenizer("nfc")
    with pytest.raises(
        ValueError,
        match="`tokenizer` must be one of char, word, whitespace, subword, or module:Name",
    ):
        make_tokenizer({"kind": "byte"})
    with pytest.raises(TypeError, match="lower"):
        make_tokenizer({"kind": "char", "lower": True})
