import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseq.text import WordTokenizer, make_tokenizer

# Characters by hand, so that the reference below owes nothing to regular expressions.
SPACES = " \t\n\r\v\f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
LETTERS = "aZé1²½ßжא\u0e01क٣ªǅᎠ가"
EXTENDERS = "\u0301\u0308\u0903\u20dd\u3099\ufe0f\u200c\u200d\xad"
EAST_ASIAN = "想要々〇かカーｶ𠀀豈"
APOSTROPHES = "'’"
SIGNS = '.,-_!?"()[]$+€😀👩\x00\x1c\u200b\ufeff\ufffd。「\u2018°'
CLASSES = [SPACES, LETTERS, EXTENDERS, EAST_ASIAN, APOSTROPHES, SIGNS]
TEXT = st.text(st.sampled_from(CLASSES).flatmap(st.sampled_from))


def reference(text):
    tokens, open_kind = [], None
    for i, char in enumerate(text):
        if char in SPACES:
            open_kind = None
        elif char in EXTENDERS and open_kind in ("word", "sign"):
            tokens[-1] += char
        elif char in EXTENDERS or char in LETTERS:
            if open_kind == "word":
                tokens[-1] += char
            else:
                tokens.append(char)
            open_kind = "word"
        elif char in APOSTROPHES:
            following = text[i + 1 : i + 2]
            if open_kind == "word" and following and following in LETTERS + EXTENDERS:
                tokens[-1] += char
            else:
                tokens.append(char)
                open_kind = None
        else:
            tokens.append(char)
            open_kind = "sign"
    return tokens


def tokens_of(text, tokenizer=None):
    tokenizer = tokenizer or WordTokenizer()
    return [token.decode() for token in tokenizer.tokenize(tf.constant(text)).numpy()]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, world!", ["Hello", ",", "world", "!"]),
        ("don't 'tis dogs' rock'n'roll", ["don't", "'", "tis", "dogs", "'", "rock'n'roll"]),
        ("l’homme ’’'", ["l’homme", "’", "’", "'"]),
        ("well-known 3.14", ["well", "-", "known", "3", ".", "14"]),
        ("想要有直升机, 2架", [*"想要有直升机", ",", "2", "架"]),
        ("ありがとう カー", [*"ありがとう", "カ", "ー"]),
        ("naïve cafe\u0301", ["naïve", "cafe\u0301"]),
        ("Привет, мир", ["Привет", ",", "мир"]),
        ("❤️👩‍👩", ["❤️", "👩\u200d", "👩"]),
        ("a\u3000b\xa0c\u2028d", ["a", "b", "c", "d"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_words_and_signs(text, tokens):
    assert tokens_of(text) == tokens


@given(TEXT)
def test_tokens_are_those_of_a_plain_scanner(text):
    assert tokens_of(text) == reference(text)


@given(TEXT | st.text())
def test_nothing_but_white_space_is_lost(text):
    kept = "".join(char for char in text if char not in WHITE_SPACE)
    assert "".join(tokens_of(text)) == kept


WHITE_SPACE = {*map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)])}
WHITE_SPACE |= {*"\u2028\u2029\u202f\u205f\u3000"}


@given(TEXT | st.text())
def test_the_text_of_tokens_has_the_same_tokens(text):
    tokenizer = WordTokenizer()
    tokens = tokenizer.tokenize(tf.constant(text))
    assert tokens_of(tokenizer.detokenize(tokens).numpy()) == tokens_of(text)


@pytest.mark.parametrize(
    "text",
    [
        'He said: "Don\'t (ever) do it, please!" and left.',
        "想要有直升机。「是」",
        "a ((b)) [c; d] {e}",
        "“Quoted, twice,” «ici»",
    ],
)
def test_detokenize_spaces_text_as_print_does(text):
    tokenizer = WordTokenizer()
    assert tokenizer.detokenize(tokenizer.tokenize(text)).numpy().decode() == text


def test_letters_never_merge_words_across_lines():
    assert tokens_of("one\ntwo\r\n--three", WordTokenizer("letters")) == ["one", "two", "three"]


def test_case_folding():
    assert tokens_of("Die STRASSE", WordTokenizer(case_fold=True)) == ["die", "strasse"]


def test_distinct_tokens():
    distinct, index = WordTokenizer().tokenize_distinct("to be, to do")
    assert distinct.numpy().tolist() == [b"to", b"be", b",", b"do"]
    assert index.numpy().tolist() == [0, 1, 2, 0, 3]


def test_shapes():
    tokenizer = WordTokenizer()
    assert tokenizer.tokenize("a b").shape == [2]
    assert tokenizer.tokenize(["a b", "", "c"]).to_list() == [[b"a", b"b"], [], [b"c"]]
    assert tokenizer.tokenize([["a b"], ["c"]]).to_list() == [[[b"a", b"b"]], [[b"c"]]]
    assert tokenizer.tokenize(tf.zeros([0], tf.string)).to_list() == []
    ragged = tf.ragged.constant([["a", "b"], []], dtype=tf.string)
    assert tokenizer.detokenize(ragged).numpy().tolist() == [b"a b", b""]


@given(st.lists(TEXT, min_size=1, max_size=3))
def test_eager_and_traced_and_single_calls_agree(texts):
    tokenizer = WordTokenizer()
    eager = tokenizer.tokenize(tf.constant(texts)).to_list()
    assert TRACED(tf.constant(texts)).to_list() == eager
    assert [tokenizer.tokenize(text).numpy().tolist() for text in texts] == eager


TRACED = tf.function(WordTokenizer().tokenize, input_signature=[tf.TensorSpec([None], tf.string)])


@pytest.mark.parametrize(
    ("prompt", "completion", "joined"),
    [
        ("the time", "machine", "the time machine"),
        ("the time ", "machine", "the time machine"),
        ("the time", ", he", "the time, he"),
        ("(", "he", "(he"),
        ("想要", "直升机", "想要直升机"),
        ("go to", "直升机", "go to 直升机"),
        ("", "machine", "machine"),
        ("the time", "", "the time"),
        ("line\n", "next", "line\nnext"),
    ],
)
def test_join(prompt, completion, joined):
    result = WordTokenizer().join(tf.constant([prompt]), tf.constant([completion]))
    assert result.numpy()[0].decode() == joined


def test_config():
    config = {"kind": "word", "normalization": "letters", "case_fold": False}
    tokenizer = make_tokenizer(config)
    assert isinstance(tokenizer, WordTokenizer)
    assert tokenizer.get_config() == config
