"""Subwords: every text comes back, and the pieces are those of sentencepiece itself."""

import sys

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfseq.errors import InputError
from tfseq.text import Corpus, SubwordTokenizer, make_tokenizer
from tfseq.text.tokenizers.subword_learning import LargestVocabularyError

sentencepiece = pytest.importorskip("sentencepiece")

TEXT = (
    "The Time Traveller (for so it will be convenient to speak of him) was expounding a\n"
    "recondite matter to us.  His grey eyes shone and twinkled, and his usually pale face was\n"
    "flushed and animated. naïve 直升机\r\n    the time machine\n\n"
) * 5
# What SentencePiece keeps for itself, normalizes or drops, beside what it knows.
ODD = [
    "▁",
    " ",
    "\n",
    "\r",
    "\t",
    "\0",
    "▅",
    "\ufffd",
    "\ufeff",
    "<0x0A>",
    "<unk>",
    "<s>",
    "\u2028",
]
ODD += ["é", "e\u0301", "ﬁ", "直", "🎈", "\U0010ffff", "\x7f", "\x85", "\xa0", "the", " the"]


@pytest.fixture(scope="module")
def tokenizer():
    return SubwordTokenizer.learn([TEXT], 330)


def tokens_of(text, tokenizer):
    return [token.decode() for token in tokenizer.tokenize(text).numpy()]


def there_and_back(texts, tokenizer):
    tokens = tokenizer.tokenize(tf.constant(texts))
    return [text.decode() for text in tokenizer.detokenize(tokens).numpy()], tokens


@pytest.fixture(scope="module")
def traced(tokenizer):
    """There and back in one graph, as an export has it."""

    def function(texts):
        tokens = tokenizer.tokenize(texts)
        return tokenizer.detokenize(tokens), tokens.values

    return tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)])


texts = st.lists(st.text(), min_size=1) | st.lists(
    st.lists(st.sampled_from(ODD)).map("".join), min_size=1
)


@settings(max_examples=40, deadline=None)
@given(texts)
@example(["▁", "▁ ▁▁", "", " ", "\r", "\r\n\r", "\0a\0", "▅\ufffd"])
def test_every_text_comes_back(tokenizer, traced, texts):
    back, tokens = traced(tf.constant(texts))
    assert [text.decode() for text in back.numpy()] == texts
    assert set(tokens.numpy()) <= {token.encode() for token in tokenizer.tokens}


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(texts)
def test_very_many_texts_come_back(traced, texts):
    back, _ = traced(tf.constant(texts))
    assert [text.decode() for text in back.numpy()] == texts


@pytest.mark.slow
def test_every_code_point(tokenizer):
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert there_and_back([text], tokenizer)[0] == [text]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_the_pieces_are_those_of_sentencepiece(kind, tokenizer):
    """Of the library that learned them: another path to the same pieces, in Python's process."""
    if kind == "unigram":
        tokenizer = SubwordTokenizer(own_model(model_type=kind, vocab_size=320))
    known = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    for text in [TEXT, "", "  the 直 cat\t\n <0x0A>", "expounding", "zzz 🎈"]:
        pieces = known.encode(text.replace(" ", "▁"), out_type=str)
        expected = [piece.replace("▁", " ") for piece in pieces]
        assert tokens_of(text, tokenizer) == expected


def own_model(**settings):
    """A model that a person has trained, by default a lossless one."""
    from io import BytesIO

    usual = {
        "model_type": "bpe",
        "vocab_size": 330,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "minloglevel": 3,
    }
    written = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.split("\n")), model_writer=written, **{**usual, **settings}
    )
    return written.getvalue()


def test_a_model_of_ones_own(tmp_path):
    """It has pieces for the beginning and the end of a text, which no text is split into."""
    (tmp_path / "own.model").write_bytes(own_model(user_defined_symbols=["<mask>", "time ma"]))
    tokenizer = SubwordTokenizer(tmp_path / "own.model")
    text = "a<mask><s>  ▁the time machine\n</s>"
    assert there_and_back([text], tokenizer)[0] == [text]
    assert {"<mask>", "time ma"} <= set(tokens_of(text, tokenizer))
    assert not {"<s>", "</s>", "<unk>"} & set(tokenizer.tokens)
    again = make_tokenizer(tokenizer.get_config())
    assert again.tokenize(text).numpy().tolist() == tokenizer.tokenize(text).numpy().tolist()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"normalization_rule_name": "nmt_nfkc"}, "it normalizes text"),
        ({"add_dummy_prefix": True}, "add_dummy_prefix"),
        ({"remove_extra_whitespaces": True}, "remove_extra_whitespaces"),
        ({"byte_fallback": False, "vocab_size": 80}, "byte_fallback"),
    ],
)
def test_a_model_that_loses_text(settings, reason):
    with pytest.raises(InputError, match=f"`model` must give every text back .*{reason}"):
        SubwordTokenizer(own_model(**settings))


@pytest.mark.parametrize("content", [b"", b"<unk>\nthe\n", b"PK\x03\x04", b"\xff" * 50])
def test_a_file_that_is_no_model(content, tmp_path):
    (tmp_path / "a.model").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.model must be a SentencePiece model, and is none"):
        SubwordTokenizer(tmp_path / "a.model")
    with pytest.raises(InputError, match=r"b\.model cannot be read: No such file"):
        SubwordTokenizer(tmp_path / "b.model")


def test_learning_is_deterministic(tokenizer):
    """The same bytes, however the text comes in pieces."""
    pieces = [TEXT[start : start + 7] for start in range(0, len(TEXT), 7)]
    assert SubwordTokenizer.learn(pieces, 330).model == tokenizer.model


def test_the_largest_vocabulary_is_told():
    """And it is possible, and one more is not; also where characters take the room of pieces."""
    for text in (TEXT, "".join(map(chr, range(0x4E00, 0x4E00 + 300))) * 2):
        with pytest.raises(LargestVocabularyError, match="at most") as caught:
            SubwordTokenizer.learn([text], 100_000)
        most = caught.value.largest
        assert len(SubwordTokenizer.learn([text], most).tokens) == most - 1
        with pytest.raises(LargestVocabularyError, match=rf"at most {most} .*ed: {most + 1}\."):
            SubwordTokenizer.learn([text], most + 1)


def test_a_vocabulary_without_room():
    with pytest.raises(InputError, match=r"`vocabulary_size` must be at least 270.*: 257\."):
        SubwordTokenizer.learn([TEXT], 257)


def test_what_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(InputError, match=r'`pip install "tfseq\[subword\]"`'):
        SubwordTokenizer.learn([TEXT], 330)


def test_a_long_line_is_learned_to_its_end():
    """SentencePiece drops what is longer than `max_sentence_length`, in silence."""
    text = "直升机" * 4000 + "想要有" * 3000
    tokenizer = SubwordTokenizer.learn([text], 290)
    assert {"直升机", "想要有"} <= set(tokenizer.tokens)
    assert len(tokens_of(text, tokenizer)) < len(text) / 3


def test_rare_characters_of_a_large_script_are_bytes():
    """Of the 33 pieces that are not bytes at most 16 are characters: the most frequent."""
    text = "".join(chr(0x4E00 + i) * (200 - i) for i in range(100))
    tokenizer = SubwordTokenizer.learn([text], 290)
    characters = {token for token in tokenizer.tokens if len(token) == 1 and token >= "一"}
    assert characters == {chr(0x4E00 + i) for i in range(15)}
    assert there_and_back([text], tokenizer)[0] == [text]


def test_line_ends_are_tokens_of_their_own(tokenizer):
    assert tokens_of("\n\n\r\n.\n", tokenizer) == ["\n", "\n", "\r", "\n", ".", "\n"]


@pytest.mark.parametrize("chunk_chars", [1, 50])
@pytest.mark.parametrize("kind", ["learned", "across words", "with suffixes"])
def test_a_text_in_chunks_has_the_same_tokens(kind, chunk_chars, tokenizer):
    more = {"across words": {"split_by_whitespace": False}, "with suffixes": {}}
    more["with suffixes"] = {"treat_whitespace_as_suffix": True}
    if kind in more:
        tokenizer = SubwordTokenizer(own_model(**more[kind]))
    chunks = list(Corpus("a", lambda: [[TEXT]]).chunks(tokenizer, chunk_chars))
    assert len(chunks) > 15
    assert "".join(chunks) == TEXT
    rows = tokenizer.tokenize(chunks)
    assert rows.values.numpy().tolist() == tokenizer.tokenize(TEXT).numpy().tolist()


def test_bytes_that_make_no_character(tokenizer):
    rows = tf.ragged.constant([["<0xE7>", "<0x9B>"], ["<0xE7>", "<0x9B>", "<0xB4>", "▁", "a"]])
    texts = [text.decode() for text in tokenizer.detokenize(rows).numpy()]
    assert set(texts[0]) == {"\ufffd"}
    assert texts[1] == "直▁a"
    assert there_and_back([b"a\xff"], tokenizer)[0] == ["a\ufffd"]


def test_a_seed_takes_no_resource_away(tokenizer):
    """It clears what TensorFlow has made eagerly, a SentencePiece resource of TF-Text too."""
    there = tf.function(lambda text: tokenizer.tokenize(text))
    before = there(tf.constant("the time")).numpy().tolist()
    tf.random.set_seed(1)
    assert there(tf.constant("the time")).numpy().tolist() == before
    assert tokenizer.tokenize("the time").numpy().tolist() == before


def test_shapes(tokenizer):
    assert tokenizer.tokenize("").shape == [0]
    assert tokenizer.tokenize([["e."], ["\n"]]).to_list() == [[[b"e", b"."]], [[b"\n"]]]
    assert tokenizer.tokenize(tf.zeros([0], tf.string)).to_list() == []
    assert tokenizer.detokenize(tokenizer.tokenize("the time")).numpy() == b"the time"


@pytest.mark.parametrize("normalization", ["nfkc", "letters"])
def test_normalization_comes_first(normalization):
    text = "The ﬁrst\n  (Time) machine, " * 9
    tokenizer = SubwordTokenizer.learn([text], 300, normalization)
    expected = {"nfkc": text.replace("ﬁ", "fi"), "letters": "the rst\ntime machine " * 9}
    assert there_and_back([text], tokenizer)[0] == [expected[normalization]]
    assert not any(token.startswith("<0x") for token in tokens_of(text, tokenizer))


def test_distinct_tokens_are_those_of_unique(tokenizer):
    distinct, index = tokenizer.tokenize_distinct(TEXT + "▁\0")
    expected, places = tf.unique(tokenizer.tokenize(TEXT + "▁\0"))
    assert distinct.numpy().tolist() == expected.numpy().tolist()
    assert index.numpy().tolist() == places.numpy().tolist()
