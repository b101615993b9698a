import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseq.serving.inspection.allowed_operations import ALLOWED_OPERATIONS
from tfseq.text import WordTokenizer, make_tokenizer

# Characters by hand, so that the reference below owes nothing to regular expressions.
SPACES = " \t\n\r\v\f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
LETTERS = "aZé1²½ßжא\u0e01क٣ªǅᎠ가"
EXTENDERS = "\u0301\u0308\u0903\u20dd\u20e3\u3099\ufe0f\u200c\u200d\xad"
EAST_ASIAN = "想要々〇かカーｶ𠀀豈"
APOSTROPHES = "'’"
SIGNS = '.,-_!?"()[]$+€\x00\x1c\u200b\ufeff\ufffd。「\u2018°'
PICTURES = "😀👩❤🏴©🫩"
MODIFIERS = "🏻🏿\U000e0067\U000e007f"
REGIONS = "🇩🇪"
CLASSES = [SPACES, LETTERS, EXTENDERS, EAST_ASIAN, APOSTROPHES, SIGNS, PICTURES, MODIFIERS, REGIONS]
TEXT = st.text(st.sampled_from(CLASSES).flatmap(st.sampled_from))
# Where emoji of several characters are likely.
EMOJI = st.text(
    st.sampled_from([PICTURES, MODIFIERS, REGIONS, "\u200d", "\ufe0f", "1\u20e3a' "]).flatmap(
        st.sampled_from
    )
)


def keycap(text, i):
    """The length of a digit in a key at a place, or 0."""
    end = i + 1 + (text[i + 1 : i + 2] == "\ufe0f")
    return end + 1 - i if text[i] == "1" and text[end : end + 1] == "\u20e3" else 0


def reference(text):
    tokens, open_kind, i = [], None, 0
    while i < len(text):
        char, length = text[i], 1
        joined = open_kind == "picture" and tokens[-1].endswith("\u200d")
        if keycap(text, i):
            length = keycap(text, i)
            tokens.append(text[i : i + length])
            open_kind = "sign"
        elif char in SPACES:
            open_kind = None
        elif char in EXTENDERS and open_kind in ("word", "sign", "picture", "region"):
            tokens[-1] += char
            open_kind = "sign" if open_kind == "region" else open_kind
        elif char in EXTENDERS or char in LETTERS:
            if open_kind == "word":
                tokens[-1] += char
            else:
                tokens.append(char)
            open_kind = "word"
        elif char in APOSTROPHES:
            following = text[i + 1 : i + 2]
            inside = following and following in LETTERS + EXTENDERS and not keycap(text, i + 1)
            if open_kind == "word" and inside:
                tokens[-1] += char
            else:
                tokens.append(char)
                open_kind = None
        elif (char in MODIFIERS and open_kind == "picture") or (char in PICTURES and joined):
            tokens[-1] += char
        elif char in REGIONS and open_kind == "region":
            tokens[-1] += char
            open_kind = "sign"
        else:
            tokens.append(char)
            open_kind = "picture" if char in PICTURES else "region" if char in REGIONS else "sign"
        i += length
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
        ("❤️👩‍👩", ["❤️", "👩‍👩"]),
        ("a\u3000b\xa0c\u2028d", ["a", "b", "c", "d"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_words_and_signs(text, tokens):
    assert tokens_of(text) == tokens


WHOLE = """
👍🏽 ☝🏿 🧑🏿‍🤝‍🧑🏻 🫱🏼‍🫲🏿 ⛹🏽‍♂️ 👩‍👩‍👧‍👦 👁️‍🗨️ ❤️‍🔥 🏳️‍🌈 🏴‍☠️ 🇩🇪
🇺🇳 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🏴󠁧󠁢󠁳󠁣󠁴󠁿 1️⃣ #️⃣ *️⃣ 7⃣ ©️ ™️ ‼️ ⁉️ ℹ️ 〰️ Ⓜ️ ㊙️ 🅰️ 🈂️ ❤️ ☀️ ☝️🏽 😀 🫩
""".split()


@pytest.mark.parametrize("case_fold", [False, True])
@pytest.mark.parametrize("part", ["", " ", "a", ", "])
def test_emoji_of_several_characters_are_one_token_and_come_back_whole(case_fold, part):
    tokenizer = WordTokenizer(case_fold=case_fold)
    text = part.join(WHOLE)
    between = [part.strip()] if part.strip() else []
    expected = WHOLE[:1]
    for one in WHOLE[1:]:
        expected += [*between, one]
    assert tokens_of(text, tokenizer) == expected
    back = tokenizer.detokenize(tokenizer.tokenize(text)).numpy().decode()
    assert back == (part if part == ", " else f" {part} " if part.strip() else " ").join(WHOLE)


def test_an_export_may_hold_what_keeps_emoji_whole():
    tokenize = tf.function(WordTokenizer(case_fold=True).tokenize)
    graph = tokenize.get_concrete_function(tf.TensorSpec([None], tf.string)).graph.as_graph_def()
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    operations = {node.op for body in bodies for node in body}
    assert "CaseFoldUTF8" in operations
    assert operations <= ALLOWED_OPERATIONS


def test_signs_without_emoji_stay_apart():
    """What joins emoji joins nothing else, and a word may still hold a joiner."""
    assert tokens_of("€\u200d€ ክ‍ष 🏽 🇩") == ["€\u200d", "€", "ክ‍ष", "🏽", "🇩"]
    assert tokens_of("12️⃣3 x1️⃣y") == ["1", "2️⃣", "3", "x", "1️⃣", "y"]


@given(TEXT | EMOJI)
def test_tokens_are_those_of_a_plain_scanner(text):
    assert tokens_of(text) == reference(text)


@given(TEXT | st.text())
def test_nothing_but_white_space_is_lost(text):
    kept = "".join(char for char in text if char not in WHITE_SPACE)
    assert "".join(tokens_of(text)) == kept


WHITE_SPACE = {*map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)])}
WHITE_SPACE |= {*"\u2028\u2029\u202f\u205f\u3000"}


@given(TEXT | EMOJI | st.text())
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
        "5.2 u.s. million, or 1,000,000.50; see e.g. U.S. law at 10:30:15 p.m.",
        "It's a well-known mother-in-law and/or x-y-z -- on 10.0.0.1 for $5.20, 50%.",
        "------- pages 10-20, vitamin A. I left.",
    ],
)
def test_detokenize_spaces_text_as_print_does(text):
    tokenizer = WordTokenizer()
    assert tokenizer.detokenize(tokenizer.tokenize(text)).numpy().decode() == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a - b", "a-b"),  # Tokens do not say which it was.
        ("3:1 and 1,00", "3: 1 and 1, 00"),
        ("J. R. R. Tolkien", "J.R.R. Tolkien"),
        ("at 5. Then", "at 5. Then"),
    ],
)
def test_what_tokens_do_not_tell_is_read_as_the_likelier(text, printed):
    tokenizer = WordTokenizer()
    assert tokenizer.detokenize(tokenizer.tokenize(text)).numpy().decode() == printed


@given(
    st.lists(st.sampled_from([*"1 1 20 300 a u well , . : - / $ € ' \" ( é".split(), "中", "1️⃣"]))
)
def test_numbers_and_compounds_keep_their_tokens(tokens):
    tokenizer = WordTokenizer()
    assert tokens_of(tokenizer.detokenize(tf.constant(tokens, tf.string)).numpy()) == tokens


LINES = WordTokenizer(line_ends=True)


@given(TEXT | st.text("a1.-' \r\n"))
def test_line_ends_are_tokens(text):
    """What stands between them has the tokens that it has alone."""
    expected = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        expected += [*reference(line), "<eos>"]
    assert tokens_of(text, LINES) == expected[:-1]
    assert tokens_of(LINES.detokenize(LINES.tokenize(text)).numpy(), LINES) == expected[:-1]


def test_verse_comes_back_in_its_lines():
    text = 'To be, or not to be:\n"That" is\n\n(the question)\n'
    assert LINES.detokenize(LINES.tokenize(text)).numpy().decode() == text
    assert LINES.detokenize(["<eos>", "a", "<", "eos", ">"]).numpy() == b"\na < eos >"
    assert tokens_of("<eos>", LINES) == ["<", "eos", ">"]


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
        ("line", "\nnext", "line\nnext"),
        ("costs 5", ". 2 million", "costs 5.2 million"),
        ("a well", "- known", "a well-known"),
        ("a well-", "known", "a well-known"),
        ("the u", ". s. ", "the u.s. "),
        ("a - b", "- c", "a - b-c"),
        ("é" * 3 + " 1", ", 000", "ééé 1,000"),
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
    lines = make_tokenizer({"kind": "word", "line_ends": True})
    assert repr(lines) == "WordTokenizer(normalization='none', case_fold=False, line_ends=True)"
    assert make_tokenizer(lines.get_config()).line_ends
