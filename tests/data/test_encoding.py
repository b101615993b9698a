"""Encoded corpora against plain Python, and the cache against damage and staleness."""

import os
import tempfile
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfseq.data import encode_corpus, encoding
from tfseq.errors import InputError
from tfseq.text import CharTokenizer, Corpus, Vocabulary, WordTokenizer

TEXT = "the time traveller for so it will be convenient to speak of him " * 20


class CutCorpus(Corpus):
    """A text that comes in pieces of another size than it is asked for in."""

    def __init__(self, text: str, chunk_chars: int):
        super().__init__("test", lambda: [[text]])
        self.chunk_chars = chunk_chars

    def chunks(self, tokenizer, chunk_chars):
        return super().chunks(tokenizer, self.chunk_chars)


def encode(text, directory, tokenizer=None, chunk_chars=1 << 18, **options):
    return encode_corpus(
        CutCorpus(text, chunk_chars), tokenizer or CharTokenizer(), cache_dir=directory, **options
    )


def entries(directory) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


characters = st.text(st.sampled_from("aabbbc \n直🙂\x00\r\\é") | st.characters(codec="utf-8"))


@settings(max_examples=25, deadline=None)
@given(
    text=characters.filter(bool),
    fraction=st.sampled_from([0, 0.1, 0.25, 0.5, 0.99]),
    max_tokens=st.none() | st.integers(1, 40),
    chunk_chars=st.integers(1, 9),
)
@example(text="ab", fraction=0.5, max_tokens=None, chunk_chars=1)
def test_ids_and_vocabulary_are_those_of_plain_python(text, fraction, max_tokens, chunk_chars):
    tokens = list(text)[:max_tokens]
    num_validation = int(len(tokens) * fraction)
    counts = Counter(tokens[: len(tokens) - num_validation])
    known = ["<unk>", *sorted(counts, key=lambda token: (-counts[token], token))]
    ids = [known.index(token) if token in counts else 0 for token in tokens]

    with tempfile.TemporaryDirectory() as directory:
        options = {"validation_fraction": fraction, "max_tokens": max_tokens}
        encoded = encode(text, directory, chunk_chars=chunk_chars, **options)
        assert encoded.vocabulary.tokens == tuple(known)
        assert encoded.ids.tolist() == ids
        assert encoded.num_train == len(tokens) - num_validation
        assert encoded.train.tolist() + encoded.validation.tolist() == ids
        assert len(encoded.validation) == num_validation


@pytest.mark.parametrize("normalization", ["none", "nfkc", "letters"])
@pytest.mark.parametrize("tokenizer_class", [CharTokenizer, WordTokenizer])
def test_ids_stand_for_the_tokens_of_the_whole_text(tokenizer_class, normalization, tmp_path):
    """However the text is cut into chunks."""
    text = "I didn't see it,\nnor did he.  \r\n\n想要有直升机 ﬁne!\n" * 3
    tokenizer = tokenizer_class(normalization)
    encoded = encode(text, tmp_path, tokenizer, chunk_chars=10, validation_fraction=0)
    tokens = encoded.vocabulary.id_to_token(encoded.ids.astype(np.int32)).numpy().tolist()
    framed = tokenizer.document_edge + text + tokenizer.document_edge
    assert tokens == tokenizer.tokenize(framed).numpy().tolist()


def test_the_validation_part_has_no_say_in_the_vocabulary(tmp_path):
    encoded = encode("aaab" + "xxxxxxxxxxxx", tmp_path, validation_fraction=0.75)
    assert encoded.vocabulary.tokens == ("<unk>", "a", "b")
    assert encoded.validation.tolist() == [0] * 12


def test_building_options(tmp_path):
    encoded = encode(
        "aaabbc", tmp_path, min_frequency=2, reserved_tokens=["<end>"], validation_fraction=0
    )
    assert encoded.vocabulary.tokens == ("<unk>", "<end>", "a", "b")
    assert encoded.ids.tolist() == [2, 2, 2, 3, 3, 0]
    encoded = encode("aaabbc", tmp_path, max_size=2, validation_fraction=0)
    assert encoded.vocabulary.tokens == ("<unk>", "a")


def test_a_given_vocabulary_is_used_as_it_is(tmp_path):
    vocabulary = Vocabulary(["z", "c", "a"])
    encoded = encode("abc", tmp_path, vocabulary=vocabulary, min_frequency=9)
    assert encoded.vocabulary == vocabulary
    assert encoded.ids.tolist() == [3, 0, 2]


@pytest.mark.parametrize(
    ("num_distinct", "dtype"),
    [(255, np.uint8), (256, np.uint16), (65_535, np.uint16), (65_536, np.uint32)],
)
def test_ids_have_the_smallest_type_that_holds_the_vocabulary(num_distinct, dtype, tmp_path):
    first = 0x10000
    text = "".join(chr(first + number) for number in range(num_distinct))
    encoded = encode(text + text[::-1], tmp_path, validation_fraction=0)
    assert len(encoded.vocabulary) == num_distinct + 1
    assert encoded.ids.dtype == dtype
    expected = np.arange(1, num_distinct + 1)
    np.testing.assert_array_equal(encoded.ids, np.concatenate([expected, expected[::-1]]))
    with pytest.raises(ValueError, match="read-only"):
        encoded.ids[0] = 1


def test_a_chunk_of_few_tokens_has_room_for_the_numbers_of_many(tmp_path):
    """Each chunk is kept in the smallest type for the tokens of the whole text so far."""
    symbols = "".join(chr(0x4E00 + number) for number in range(300))
    text = symbols + symbols[-1] * 35
    encoded = encode(text, tmp_path, chunk_chars=10, validation_fraction=0)
    assert encoded.vocabulary.tokens == ("<unk>", symbols[-1], *symbols[:-1])
    assert encoded.ids.tolist() == [*range(2, 301), 1, *[1] * 35]


def test_the_second_time_nothing_is_tokenised(tmp_path, monkeypatch):
    first = encode(TEXT, tmp_path)
    assert len(entries(tmp_path)) == 1
    monkeypatch.delattr(encoding, "number_splits")
    second = encode(TEXT, tmp_path)
    np.testing.assert_array_equal(second.ids, first.ids)
    assert second.vocabulary == first.vocabulary
    assert (second.num_train, second.fingerprint) == (first.num_train, first.fingerprint)


@pytest.mark.parametrize(
    "change",
    [
        {"text": TEXT + "x"},
        {"tokenizer": CharTokenizer("letters")},
        {"vocabulary": Vocabulary(["e"])},
        {"min_frequency": 2},
        {"max_size": 5},
        {"reserved_tokens": ["<end>"]},
        {"max_tokens": 100},
        {"validation_fraction": 0.2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_encoded_corpus_is_not_used_for_another(change, tmp_path):
    encode(TEXT, tmp_path)
    arguments = {"text": TEXT, **change}
    encode(directory=tmp_path, **arguments)
    assert len(entries(tmp_path)) == 2


@pytest.mark.parametrize(
    "changed",
    ["tfseq.data.encoding._FORMAT", "tensorflow.__version__", "tensorflow_text.__version__"],
)
def test_an_entry_of_another_format_is_not_found(changed, tmp_path, monkeypatch):
    """Nor one that TensorFlow, or TF-Text with its tables of Unicode, made in another version."""
    encode(TEXT, tmp_path)
    monkeypatch.setattr(changed, 1000)
    encode(TEXT, tmp_path)
    assert len(entries(tmp_path)) == 2


def _shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


def _alter(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["ids", "vocabulary.txt", "contents.json"])
@pytest.mark.parametrize("damage", [_shorten, _alter, lambda path: path.unlink()])
def test_a_damaged_one_is_made_again(file, damage, tmp_path):
    first = encode(TEXT, tmp_path)
    ids, fingerprint = first.ids.tolist(), first.fingerprint
    [name] = entries(tmp_path)
    damage(tmp_path / name / file)
    again = encode(TEXT, tmp_path)
    assert entries(tmp_path) == [name]
    assert again.ids.tolist() == ids
    assert again.fingerprint == fingerprint


def test_the_fingerprint_is_that_of_the_content(tmp_path):
    built = encode(TEXT, tmp_path)
    given_one = encode(TEXT, tmp_path, vocabulary=built.vocabulary)
    assert len(entries(tmp_path)) == 2
    assert given_one.fingerprint == built.fingerprint
    assert encode(TEXT, tmp_path, validation_fraction=0.2).fingerprint != built.fingerprint


def test_a_process_that_was_faster_is_not_disturbed(tmp_path, monkeypatch):
    """Two processes that encode the same at once: both get it, and one copy stays."""
    others = []
    number_splits = encoding.number_splits

    def number_after_another_process(*arguments):
        monkeypatch.setattr(encoding, "number_splits", number_splits)
        others.append(encode(TEXT, tmp_path))
        return number_splits(*arguments)

    monkeypatch.setattr(encoding, "number_splits", number_after_another_process)
    encoded = encode(TEXT, tmp_path)
    assert len(entries(tmp_path)) == 1
    assert os.path.samefile(encoded.ids.filename, others[0].ids.filename)
    np.testing.assert_array_equal(encoded.ids, others[0].ids)


def test_text_that_cannot_be_read_is_reported_and_leaves_nothing(tmp_path):
    def documents():
        yield ["abc"]
        raise InputError("text.txt has an invalid byte at offset 3.")

    class Unreadable(Corpus):
        def fingerprint(self):
            return "0"

    with pytest.raises(InputError, match=r"^text.txt has an invalid byte at offset 3\.$"):
        encode_corpus(Unreadable("test", documents), CharTokenizer(), cache_dir=tmp_path)
    assert entries(tmp_path) == []


def test_a_corpus_without_tokens(tmp_path):
    with pytest.raises(InputError, match="no tokens in the corpus test"):
        encode("123 456", tmp_path, tokenizer=CharTokenizer("letters"))
    assert entries(tmp_path) == []


def test_a_cache_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        InputError, match=r"cannot be written: .*file is not a directory\. .*TFSEQ_CACHE"
    ):
        encode(TEXT, tmp_path / "file" / "cache")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_tokens": 0}, "`max_tokens` must be a positive integer. Received: max_tokens=0"),
        (
            {"validation_fraction": 1},
            "`validation_fraction` must be at least 0 and less than 1. Received",
        ),
        ({"validation_fraction": -0.1}, "`validation_fraction` must be at least"),
    ],
)
def test_wrong_arguments(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        encode(TEXT, tmp_path, **arguments)
    assert entries(tmp_path) == []
