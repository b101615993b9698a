import subprocess
import sys
from collections import Counter

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.errors import InputError
from tfseq.text import Vocabulary
from tfseq.text.special_tokens import BEGIN, END

# Tokens that are hard to write one a line, and those that look like the escapes of others.
ODD = [
    "\n",
    "\r",
    "\t",
    " ",
    "\\",
    "\\n",
    "\\\\n",
    "\\s",
    "a b",
    "\x00",
    "\u2028",
    "\x85",
    "\ufeff",
]
TOKENS = st.lists(
    st.sampled_from(ODD)
    | st.text(st.sampled_from("\\nrts \n\r\ta"), min_size=1)
    | st.text(min_size=1),
    unique=True,
).map(lambda tokens: [token for token in tokens if token != "<unk>"])


def test_ids_are_places_and_zero_is_unknown():
    vocabulary = Vocabulary(["the", "a"])
    assert vocabulary.tokens == ("<unk>", "the", "a")
    assert len(vocabulary) == 3
    ids = vocabulary.token_to_id(["a", "the", "an", "", "<unk>"])
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == [2, 1, 0, 0, 0]
    assert vocabulary.id_to_token([2, 1, 0, 3, -1]).numpy().tolist() == [
        b"a",
        b"the",
        b"<unk>",
        b"<unk>",
        b"<unk>",
    ]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "int64"])
def test_ids_of_every_stored_type(dtype):
    vocabulary = Vocabulary([f"t{i}" for i in range(1, 300)])
    ids = tf.constant([1, 255], dtype)
    assert vocabulary.id_to_token(ids).numpy().tolist() == [b"t1", b"t255"]


def test_ragged_tensors_stay_ragged():
    vocabulary = Vocabulary("abc")
    tokens = tf.ragged.constant([["a", "z"], [], ["c"]])
    ids = vocabulary.token_to_id(tokens)
    assert ids.to_list() == [[1, 0], [], [3]]
    assert vocabulary.id_to_token(ids).to_list() == [[b"a", b"<unk>"], [], [b"c"]]


def test_first_use_inside_a_dataset():
    vocabulary = Vocabulary("abc")
    dataset = tf.data.Dataset.from_tensors(["b", "x"]).map(vocabulary.token_to_id)
    assert next(iter(dataset)).numpy().tolist() == [2, 0]
    assert vocabulary.token_to_id(["c"]).numpy().tolist() == [3]


def test_build_orders_by_frequency_then_code_point():
    counts = Counter({"b": 5, "a": 5, "é": 5, "Z": 5, "c": 7, "rare": 1})
    assert Vocabulary.build(counts).tokens == ("<unk>", "c", "Z", "a", "b", "é", "rare")
    assert Vocabulary.build(counts, min_frequency=5).tokens == ("<unk>", "c", "Z", "a", "b", "é")
    assert Vocabulary.build(counts, max_size=3).tokens == ("<unk>", "c", "Z")
    assert Vocabulary.build(counts, max_size=4, reserved_tokens=["<pad>", "a"]).tokens == (
        "<unk>",
        "<pad>",
        "a",
        "c",
    )
    assert Vocabulary.build({"<unk>": 9, "a": 1}).tokens == ("<unk>", "a")
    assert Vocabulary.build({}).tokens == ("<unk>",)


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 5)), st.randoms())
def test_build_ignores_the_order_of_the_counts(counts, random):
    shuffled = list(counts.items())
    random.shuffle(shuffled)
    assert Vocabulary.build(counts) == Vocabulary.build(dict(shuffled))


@given(TOKENS)
def test_save_and_load(tmp_path_factory, tokens):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary = Vocabulary(tokens)
    vocabulary.save(path)
    loaded = Vocabulary.load(path)
    assert loaded == vocabulary
    assert loaded.fingerprint == vocabulary.fingerprint
    assert path.read_bytes().count(b"\n") == len(vocabulary)


def test_the_file_is_plain_text(tmp_path):
    path = tmp_path / "vocabulary.txt"
    Vocabulary(["e", " ", "\n", "\r", "\t", "\\", "中"]).save(path)
    assert path.read_bytes().decode() == "<unk>\ne\n\\s\n\\n\n\\r\n\\t\n\\\\\n中\n"
    assert [file.name for file in tmp_path.iterdir()] == ["vocabulary.txt"]


def test_a_failed_save_leaves_nothing(tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.mkdir()
    with pytest.raises(OSError, match=r"vocabulary\.txt"):
        Vocabulary("a").save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["vocabulary.txt"]


@settings(max_examples=30)
@given(TOKENS, st.lists(st.text()))
def test_tables_from_a_file_and_from_tokens_agree(tmp_path_factory, tokens, others):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary = Vocabulary(tokens)
    vocabulary.save(path)
    embedded, asset = vocabulary.tables(), vocabulary.tables(path)
    lines = path.read_bytes().decode().split("\n")
    queries = [*vocabulary.tokens, *lines, *others, *ODD]
    known = {token: i for i, token in enumerate(vocabulary.tokens)}
    expected = [known.get(query, 0) for query in queries]
    ids = tf.range(-1, len(vocabulary) + 1)
    names = ["<unk>", *vocabulary.tokens, "<unk>"]
    for tables in (embedded, asset):
        for call in (lambda function: function, tf.function):
            found = call(tables.token_to_id)(tf.constant(queries))
            assert found.dtype == tf.int32
            assert found.numpy().tolist() == expected
            tokens_found = call(tables.id_to_token)(ids).numpy()
            assert [token.decode() for token in tokens_found] == names


@pytest.mark.slow
def test_an_export_needs_nothing_but_its_asset(tmp_path):
    class Exported(tf.Module):
        def __init__(self, tables):
            super().__init__()
            self.tables = tables

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, tokens):
            ids = self.tables.token_to_id(tokens)
            return {"ids": ids, "tokens": self.tables.id_to_token(ids)}

    vocabulary = Vocabulary(["\n", "\\n", " ", "中"])
    path = tmp_path / "vocabulary.txt"
    vocabulary.save(path)
    module = Exported(vocabulary.tables(path))
    tf.saved_model.save(module, tmp_path / "export", signatures=module.__call__)
    asset = tmp_path / "export" / "assets" / "vocabulary.txt"
    assert asset.read_bytes() == path.read_bytes()
    path.unlink()
    (tmp_path / "export").rename(tmp_path / "moved")
    code = f"""
import tensorflow as tf
serve = tf.saved_model.load({str(tmp_path / "moved")!r}).signatures["serving_default"]
result = serve(tokens=tf.constant(["\\n", "\\\\n", "\\\\s", " ", "中", "z"]))
print(result["ids"].numpy().tolist(), [t.decode() for t in result["tokens"].numpy()])
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    tokens = ["\n", "\\n", "<unk>", " ", "中", "<unk>"]
    assert result.stdout.strip() == f"{[1, 2, 0, 3, 4, 0]} {tokens}"


def test_tables_of_one_path_whose_file_changed(tmp_path):
    path = tmp_path / "vocabulary.txt"
    first, second = Vocabulary(["a", "b"]), Vocabulary(["b", "a"])
    first.save(path)
    first_tables = first.tables(path)
    second.save(path)
    second_tables = second.tables(path)
    assert first_tables.token_to_id(["a", "b"]).numpy().tolist() == [1, 2]
    assert second_tables.token_to_id(["a", "b"]).numpy().tolist() == [2, 1]
    with pytest.raises(ValueError, match="`asset_path` must be the file that this vocabulary's"):
        first.tables(path)


def test_equality_and_hash():
    assert Vocabulary("ab") == Vocabulary(["<unk>", "a", "b"])
    assert Vocabulary("ab") != Vocabulary("ba")
    assert Vocabulary("ab") != ("<unk>", "a", "b")
    assert len({Vocabulary("ab"), Vocabulary("ab"), Vocabulary("a")}) == 2


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["a", "<unk>"], "Received twice: '<unk>'"),
        (["a", "b", "a"], "Received twice: 'a'"),
        (["a", ""], "must not be empty"),
        (["\ud800"], "must be valid Unicode"),
    ],
)
def test_wrong_tokens(tokens, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(tokens)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="`tokens` must be strings"):
        Vocabulary([b"a"])
    with pytest.raises(ValueError, match="`min_frequency` must be a positive integer"):
        Vocabulary.build({}, min_frequency=0)
    with pytest.raises(ValueError, match="`max_size` must be at least 2"):
        Vocabulary.build({}, max_size=1, reserved_tokens=["<pad>"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ":1: a vocabulary must begin with <unk>"),
        (b"a\nb\n", ":1: a vocabulary must begin with <unk>"),
        (b"<unk>\na\n\nb\n", ":3: not an escaped token"),
        (b"<unk>\na b\n", ":2: not an escaped token"),
        (b"<unk>\r\na\r\n", ":1: a vocabulary must begin with <unk>"),
        (b"<unk>\n\\x\n", ":2: not an escaped token"),
        (b"<unk>\na\\\n", ":2: not an escaped token"),
        (b"<unk>\na\nb\na\n", ":4: the same token as line 2"),
        (b"<unk>\n\xff\n", "invalid UTF-8 at byte 6"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Vocabulary.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Vocabulary.load(tmp_path / "none.txt")


# What looks like a special token, or like its line in the file.
SPELLINGS = ["<begin>", "<end>", "\\<begin>", "\\<end>", "\\\\<end>"]


def test_no_text_spells_a_special_token(tmp_path):
    known = Vocabulary.build({"<end>": 3, "\\<end>": 2, "a": 1}, reserved_tokens=(BEGIN, END))
    assert known.document_ids == (1, 2)
    assert known.tokens[3:] == ("<end>", "\\<end>", "a")
    strange = Vocabulary([BEGIN, END, "a"])
    for vocabulary, expected in ((known, [0, 3, 0, 4, 0]), (strange, [0] * 5)):
        path = tmp_path / "vocabulary.txt"
        vocabulary.save(path)
        loaded = Vocabulary.load(path)
        assert loaded == vocabulary
        assert loaded.document_ids == (1, 2)
        for tables in (loaded.tables(), loaded.tables(path)):
            assert tables.token_to_id(SPELLINGS).numpy().tolist() == expected
            assert tables.id_to_token([1, 2]).numpy().tolist() == [b"<begin>", b"<end>"]
    assert Vocabulary(["<begin>", "<end>"]).document_ids is None
