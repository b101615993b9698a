"""Tokenizers of a person's own: two methods are enough, in plain Python too."""

import numpy as np
import own_tokenizers
import pytest
import tensorflow as tf
from own_tokenizers import Commas, Syllables

from tfseq.data import encode_corpus
from tfseq.errors import InputError
from tfseq.text import CharTokenizer, Corpus, WordTokenizer, count_tokens, make_tokenizer
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer
from tfseq.text.tokenizers.own_tokenizer import OwnTokenizer

NAME = "own_tokenizers:{}".format
OWN = {
    "Syllables": (["ba", "na", "na", "s"], "bananas", "-"),
    "Commas": (["a", "b c", "d"], "a,b c,d", ""),
    "Halves": (["a", "bc"], "a|bc", "|"),
    "commas": (["a", "b c", "d"], "a,b c,d", ""),
}


@pytest.mark.parametrize("name", OWN)
def test_one_of_your_own_is_used_like_ours(name):
    tokens, text, joiner = OWN[name]
    tokenizer = make_tokenizer({"kind": NAME(name), "normalization": "none", "case_fold": False})
    expected = [token.encode() for token in tokens]
    assert tokenizer.tokenize(text).numpy().tolist() == expected
    assert tokenizer.tokenize([text, text]).to_list() == [expected] * 2
    assert tokenizer.tokenize([[text], [text]]).to_list() == [[expected]] * 2
    assert tokenizer.tokenize(tf.zeros([0], tf.string)).to_list() == []
    assert tokenizer.detokenize(tf.constant(tokens)).numpy() == text.encode()
    if isinstance(tokenizer, OwnTokenizer):
        padded = tf.constant([[*tokens, ""], [tokens[0], *[""] * len(tokens)]])
        assert tokenizer.detokenize(padded).numpy().tolist() == [text.encode(), expected[0]]
    distinct, index = tokenizer.tokenize_distinct(tf.constant(text))
    assert distinct.numpy()[index.numpy()].tolist() == expected
    joined = tokenizer.join(tf.constant([text, ""]), tf.constant(["x", "x"])).numpy().tolist()
    assert joined == [f"{text}{joiner}x".encode(), b"x"]
    assert make_tokenizer(tokenizer.get_config()).get_config() == tokenizer.get_config()


@pytest.mark.parametrize("name", OWN)
def test_in_a_graph_it_gives_the_same(name):
    """Where TensorFlow cannot trace it, it runs in Python, and no other one does."""
    tokens, text, _ = OWN[name]
    tokenizer = make_tokenizer({"kind": NAME(name)})

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def there_and_back(strings):
        rows = tokenizer.tokenize(strings)
        return rows, tokenizer.tokenize(strings[0]), tokenizer.detokenize(rows)

    rows, first, texts = there_and_back(tf.constant([text, text]))
    assert rows.to_list() == [[token.encode() for token in tokens]] * 2
    assert first.numpy().tolist() == rows.to_list()[0]
    assert texts.numpy().tolist() == [text.encode()] * 2
    called = {node.op for node in there_and_back.get_concrete_function().graph.as_graph_def().node}
    assert ("EagerPyFunc" in called) == (name == "Syllables")


def test_a_subclass_is_used_as_it_is():
    tokenizer = make_tokenizer({"kind": NAME("Words"), "normalization": "nfkc"})
    assert type(tokenizer) is own_tokenizers.Words
    assert as_tokenizer(tokenizer) is tokenizer
    config = {"kind": NAME("Words"), "normalization": "nfkc", "case_fold": False}
    assert tokenizer.get_config() == config
    assert tokenizer.join(tf.constant(["hello"]), tf.constant(["world"])).numpy() == [
        b"hello world"
    ]
    assert tokenizer.chunk_boundary.pattern == WordTokenizer().chunk_boundary.pattern
    made = make_tokenizer({"kind": NAME("words")})
    assert type(made) is own_tokenizers.Words
    folded = {"kind": NAME("words"), "normalization": "none", "case_fold": True}
    assert made.get_config() == folded


def test_a_subclass_in_plain_python_runs_in_graphs_too():
    tokenizer = make_tokenizer({"kind": NAME("PlainWords"), "case_fold": True})
    text = tf.constant(["a (b c)", "d"])

    @tf.function
    def in_graph(strings):
        return tokenizer.tokenize(strings), tokenizer.join(strings, strings)

    tokens, joined = in_graph(text)
    assert tokens.to_list() == [[b"a", b"(b", b"c)"], [b"d"]]
    assert joined.numpy().tolist() == [b"a (b c) a (b c)", b"d d"]
    assert tokenizer.get_config() == {
        "kind": NAME("PlainWords"),
        "normalization": "none",
        "case_fold": True,
    }


@pytest.mark.parametrize("name", ["Dashes", "PlainDashes"])
def test_its_own_join_is_used(name):
    tokenizer = make_tokenizer({"kind": NAME(name)})
    texts = tf.constant(["a", "b"]), tf.constant(["c", "d"])
    spec = tf.TensorSpec([None], tf.string)
    for join in (tokenizer.join, tf.function(tokenizer.join, input_signature=[spec, spec])):
        assert join(*texts).numpy().tolist() == [b"a - c", b"b - d"]


def test_it_encodes_a_corpus(tmp_path):
    corpus = Corpus("fruit", lambda: [["banana\nbanana\nba", "na\n"]])
    encoded = encode_corpus(corpus, Syllables(), validation_fraction=0, cache_dir=tmp_path)
    assert encoded.vocabulary.tokens == ("<unk>", "na", "\n", "ba")
    assert encoded.ids.tolist() == [3, 1, 1, 2, 3, 1, 1, 2, 3, 1, 2]
    assert count_tokens(corpus.chunks(Syllables()), Syllables()) == {"na": 5, "\n": 3, "ba": 3}


def test_long_text_is_cut_where_the_tokenizer_allows_it():
    texts = list(Corpus("x", lambda: [["a,b\nc,d\ne"]]).chunks(Commas(), chunk_chars=2))
    assert texts == [",a,b\n", "c,d\n", "e,"]


class Separated:
    """Plain Python, whose tokens depend on what this file does not say."""

    separator = " "

    def tokenize(self, strings):
        return [s.decode().split(self.separator) for s in strings.numpy()]

    def detokenize(self, tokens):
        return []


def test_without_a_fingerprint_a_corpus_is_encoded_anew(tmp_path):
    corpus, cache, tokenizer = Corpus("x", lambda: [["a b,c"]]), tmp_path / "cache", Separated()
    first = encode_corpus(corpus, tokenizer, validation_fraction=0, cache_dir=cache)
    tokenizer.separator = ","
    second = encode_corpus(corpus, tokenizer, validation_fraction=0, cache_dir=cache)
    assert first.vocabulary.tokens[1:] == ("a", "b,c")
    assert second.vocabulary.tokens[1:] == ("a b", "c")
    assert (first.ids.tolist(), second.ids.tolist()) == ([1, 2], [1, 2])
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("as_method", [False, True])
def test_with_a_fingerprint_it_is_kept_until_that_or_the_settings_change(tmp_path, as_method):
    corpus, tokenizer = Corpus("x", lambda: [["a b,c"]]), Separated()
    kept = []
    for fingerprint, settings in [("1", {}), ("1", {}), ("2", {}), ("2", {"merges": 3})]:
        tokenizer.fingerprint = (lambda now=fingerprint: now) if as_method else fingerprint
        tokenizer.get_config = lambda now=settings: now
        encode_corpus(corpus, tokenizer, validation_fraction=0, cache_dir=tmp_path)
        kept.append(len(list(tmp_path.iterdir())))
    assert kept == [1, 1, 2, 3]


def test_a_subclass_of_ours_is_one_of_your_own(tmp_path):
    corpus = Corpus("x", lambda: [["a b"]])
    for tokenizer, number in ((own_tokenizers.Words(), 0), (WordTokenizer(), 1)):
        encode_corpus(corpus, tokenizer, cache_dir=tmp_path)
        assert len(list(tmp_path.iterdir())) == number


def test_options_go_to_a_tokenizer_that_takes_them():
    tokenizer = make_tokenizer({"kind": NAME("Commas"), "normalization": "letters"})
    assert tokenizer.tokenize("A,B").numpy().tolist() == [b"a", b"b"]
    assert tokenizer.get_config()["normalization"] == "letters"
    halves = make_tokenizer({"kind": NAME("Halves"), "normalization": "nfkc", "case_fold": True})
    assert halves.tokenize("ﬁ|B").numpy().tolist() == [b"fi", b"b"]
    for config in ({"normalization": "nfkc"}, {"case_fold": True}):
        [option] = config
        with pytest.raises(
            InputError, match=f"`{option}` must be left out with the tokenizer own_"
        ):
            make_tokenizer({"kind": NAME("Syllables"), **config})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("os:path", "TypeError: 'module' object is not callable"),
        ("collections:Counter", r"gives Counter\(\)"),
        (NAME("Broken"), "raises KeyError: 'no table'"),
    ],
)
def test_what_makes_no_tokenizer(name, found):
    with pytest.raises(
        InputError, match=f"`tokenizer` must be a class or .* Received: '{name}', which .*{found}"
    ) as caught:
        make_tokenizer({"kind": name})
    assert "raises" not in str(caught.value) or caught.value.__cause__ is not None


def test_ours_stay_what_they_are():
    tokenizer = CharTokenizer()
    assert as_tokenizer(tokenizer) is tokenizer
    assert as_tokenizer(as_tokenizer(Commas())).own.__class__ is Commas


def test_what_is_no_tokenizer(tmp_path):
    with pytest.raises(InputError, match=r"`tokenizer` must have a method `detokenize`"):
        as_tokenizer(type("Half", (), {"tokenize": lambda self, strings: strings})())
    with pytest.raises(InputError, match="the module own_tokenizers has no Egg"):
        make_tokenizer({"kind": NAME("Egg")})

    class Local(Commas):
        def tokenize(self, strings):
            return [["a"]]

    with pytest.raises(
        InputError, match=r"a row of tokens for each string\. Received: 1 rows for 2"
    ):
        as_tokenizer(Local()).tokenize(["a", "b"])
    for token in (b"", b"\xff"):
        commas = Commas()
        commas.tokenize = lambda strings, token=token: [[token]]
        with pytest.raises(InputError, match=r"tokens that are UTF-8 and not empty\. Received: b'"):
            count_tokens(["a"], commas)
        with pytest.raises(InputError, match="tokens that are UTF-8 and not empty"):
            encode_corpus(Corpus("x", lambda: [["a"]]), commas, cache_dir=tmp_path)
    with pytest.raises(
        InputError,
        match="`tokenizer` must be one of char, word, whitespace, subword, or module:Name, or",
    ):
        as_tokenizer(Local()).get_config()
    assert own_tokenizers.commas().tokenize(np.array(["a,b"])).to_list() == [[b"a", b"b"]]
