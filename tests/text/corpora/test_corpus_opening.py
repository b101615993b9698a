import gzip
import json
import os

import pytest

from tfseq.data import encode_corpus
from tfseq.errors import InputError
from tfseq.runs.run_directory import RunDirectory
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.text import CharTokenizer, open_corpus


def text_of(spec, **options):
    return "".join(open_corpus(str(spec), **options).chunks(CharTokenizer()))


def json_line(**record):
    return json.dumps(record) + "\n"


@pytest.fixture
def library(tmp_path):
    """A directory of texts in every form, among other files."""
    files = {
        "b.txt": b"b\r\n",
        "a/z.md": b"z",
        "a/y.rst": b"y\n",
        "c.text": b"c\n",
        "d.txt.gz": gzip.compress(b"d\n", mtime=0),
        "e.jsonl": json_line(text="e1", body="x").encode() + json_line(text="e2").encode(),
        "f.jsonl.gz": gzip.compress(json_line(text="f\n").encode()),
        "picture.png": b"\xff",
        ".hidden.txt": b"hidden",
        ".git/config.txt": b"hidden",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def test_a_directory_is_its_texts_in_sorted_order(library):
    assert text_of(library) == "y\nz\nb\r\nc\nd\ne1\ne2\nf\n"


def test_a_glob_is_the_files_that_match_in_sorted_order(library):
    assert text_of(library / "*.t*xt") == "b\r\nc\n"
    assert text_of(library / "**" / "*.[mr]*") == "y\nz"


@pytest.mark.parametrize(
    ("name", "text"),
    [("b.txt", "b\r\n"), ("d.txt.gz", "d\n"), ("e.jsonl", "e1\ne2"), ("f.jsonl.gz", "f\n")],
)
def test_one_file(library, name, text):
    assert text_of(library / name) == text


def test_endings_in_capitals(tmp_path):
    """As old cameras, scanners and DOS write them."""
    (tmp_path / "A.TXT").write_bytes(b"a\n")
    (tmp_path / "B.Txt.GZ").write_bytes(gzip.compress(b"b\n"))
    (tmp_path / "C.JSONL").write_text(json_line(text="c"))
    assert text_of(tmp_path) == "a\nb\nc"
    assert text_of(tmp_path / "B.Txt.GZ") == "b\n"
    assert open_corpus(str(tmp_path / "B.Txt.GZ")).name == "B"


def test_what_tfseq_wrote_is_never_read(tmp_path, monkeypatch):
    """Runs, exports and the cache below a corpus' directory leave its text as it was."""
    monkeypatch.setenv("TFSEQ_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text("book\n")
    before = text_of("."), open_corpus(".").fingerprint()
    # The first run leaves an entry in the cache of encoded corpora.
    vocabulary = encode_corpus(open_corpus("."), CharTokenizer()).vocabulary
    run = RunDirectory(tmp_path / "runs" / "book_gru")
    run.create(LanguageModelOptions(), vocabulary, "digest")
    run.write_samples([{"epoch": 1, "text": "koob"}])
    (tmp_path / "cache" / "corpora").mkdir()
    (tmp_path / "cache" / "corpora" / "downloaded.txt").write_text("downloaded")
    version = tmp_path / "exported" / "book_gru" / "1"
    (version / "assets").mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"")
    vocabulary.save(version / "assets" / "vocabulary.txt")
    assert (text_of("."), open_corpus(".").fingerprint()) == before == ("book\n", before[1])
    assert text_of("**/*.txt") == text_of(tmp_path / "**" / "*.txt") == "book\n"
    # A person's own text beside them is read; a file that is named is what was meant.
    (tmp_path / "runs" / "notes.txt").write_text("notes")
    assert text_of(".") == "book\nnotes"
    assert text_of(run.path / "samples.txt") == "epoch 1\nkoob\n\n"
    assert text_of(tmp_path / "cache" / "corpora") == "downloaded"
    for spec in (run.path, version, version / "assets"):
        with pytest.raises(InputError, match=r"no text in the directory .* are left out\.$"):
            open_corpus(str(spec))
    with pytest.raises(InputError, match=r"All files that match runs/\*/\*\.txt belong to runs"):
        open_corpus("runs/*/*.txt")


def test_pipes_in_a_directory_are_passed_over(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "a.txt").write_text("a")
    assert text_of(tmp_path) == "a"
    (tmp_path / "b.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"b\.txt cannot be read: No such file"):
        text_of(tmp_path)


def test_a_file_may_have_any_name(tmp_path):
    path = tmp_path / "novel[1]"
    path.write_text("text", encoding="utf-8")
    assert text_of(path) == "text"


def test_another_text_field(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json_line(body="one") + "\n" + json_line(body="two"), encoding="utf-8")
    assert text_of(path, text_field="body") == "one\ntwo"


def test_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "novel.txt").write_text("text", encoding="utf-8")
    assert text_of("~/novel.txt") == "text"


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("b.txt", "b"),
        ("d.txt.gz", "d"),
        ("f.jsonl.gz", "f"),
        ("a", "a"),
        ("*.txt", "corpus"),
        ("a/", "a"),
    ],
)
def test_names(library, spec, name):
    assert open_corpus(f"{library}/{spec}").name == name


def test_a_link_has_its_own_name(library):
    (library / "link.txt").symlink_to(library / "b.txt")
    assert open_corpus(str(library / "link.txt")).name == "link"


def test_a_name_is_usable_for_a_directory(tmp_path):
    path = tmp_path / "..My novel: 1?.txt"
    path.write_text("text", encoding="utf-8")
    assert open_corpus(str(path)).name == "My_novel_1"


def test_python_docs_is_the_reference_of_this_python():
    from pydoc_data.topics import topics

    assert text_of("python_docs") == "\n".join(topics[name] for name in sorted(topics))


def test_the_fingerprint_follows_the_text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("one", encoding="utf-8")
    one = open_corpus(str(path)).fingerprint()
    path.write_text("two", encoding="utf-8")
    assert open_corpus(str(path)).fingerprint() != one


def test_missing_files_suggest_what_is_near(library):
    with pytest.raises(
        InputError, match=r"There is no corpus or file .*/bb\.txt\. Did you mean '.*/b\.txt'"
    ):
        open_corpus(str(library / "bb.txt"))
    with pytest.raises(
        InputError, match=r"file tiny-shakespeare\. Did you mean 'tiny_shakespeare'\?"
    ):
        open_corpus("tiny-shakespeare")
    with pytest.raises(InputError, match=r"There is no corpus or file /none/at/all\.$"):
        open_corpus("/none/at/all")
    with pytest.raises(InputError, match="No file matches"):
        open_corpus(str(library / "*.epub"))


def test_a_directory_without_text(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\xff")
    with pytest.raises(
        InputError, match=r"There is no text in the directory .*\.txt, \.text, \.md"
    ):
        open_corpus(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.txt", b""),
        ("text.txt", b"\xef\xbb\xbf"),
        ("text.txt.gz", gzip.compress(b"", mtime=0)),
        ("rows.jsonl", b"\n\n"),
        ("rows.jsonl", b'{"text": ""}\n'),
    ],
)
def test_empty_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} is empty\.$"):
        open_corpus(str(tmp_path / name))


def test_a_directory_of_empty_files(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"Each of the 2 files of .* is empty\.$"):
        open_corpus(str(tmp_path))
    (tmp_path / "c.txt").write_text("c", encoding="utf-8")
    assert text_of(tmp_path) == "c"


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(InputError, match="must be a regular file"):
        open_corpus(str(tmp_path / "pipe.txt"))


def test_odd_paths():
    with pytest.raises(InputError, match="must be a name or a path"):
        open_corpus("")
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        open_corpus("x" * 5000)
    with pytest.raises(InputError, match="must be a name or a path"):
        open_corpus("a\0b")


def test_unknown_encoding_errors():
    with pytest.raises(ValueError, match="`encoding_errors` must be one of strict, replace"):
        open_corpus("python_docs", encoding_errors="ignore")
