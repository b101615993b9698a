"""Labelled texts and sentences from files: what is read, and what is refused by line."""

import gzip
import json
import re

import pytest

from tfseq.data.code_names import tag_code
from tfseq.data.labelled_sentences import read_conll
from tfseq.data.labelled_texts import read_labelled_texts, split_examples
from tfseq.data.letter_names import SCRIPTS, letter_names
from tfseq.errors import InputError


def test_csv_with_quotes_line_breaks_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        '\ufeffid,text,label\r\n1,"say ""hi"",\r\nthen go",yes\r\n2,"",no\r\n', newline=""
    )
    read = read_labelled_texts(path)
    assert (read.name, read.texts, read.labels) == (
        "a",
        ('say "hi",\r\nthen go', ""),
        ("yes", "no"),
    )


def test_json_lines_compressed_with_other_fields(tmp_path):
    path = tmp_path / "b.jsonl.gz"
    with gzip.open(path, "wt") as file:
        for body, stars in (("gut", 5), ("schlecht 猫", True)):
            file.write(json.dumps({"body": body, "stars": stars}) + "\n\n")
    read = read_labelled_texts(path, "body", "stars")
    assert (read.name, read.texts, read.labels) == ("b", ("gut", "schlecht 猫"), ("5", "true"))


BAD_TEXTS = {
    "a.txt": (b"x", "`--data` must be a .csv or .jsonl file"),
    "b.csv": (b"text,other\na,b\n", "b.csv:2: no 'label'. It has: 'text', 'other'"),
    "c.csv": (b"text,label\na,\n", "c.csv:2: its 'label' is empty"),
    "c2.csv": (b"text,label\na\n", "c2.csv:2: its 'label' is empty"),
    "c3.csv": (b"text,label\na, b,c\n", "c3.csv:2: more values than the 2 columns"),
    "d.csv": (b"text,label\n", "d.csv holds no record"),
    "e.csv": (b"text,label\n\xff,a\n", "e.csv is not valid UTF-8"),
    "f.jsonl": (b'{"text": "a", "label": "b"}\n[1]\n', "f.jsonl:2: a line must hold one JSON"),
    "g.jsonl": (b"{\n", "g.jsonl:1: not JSON"),
    "h.jsonl.gz": (b"nothing", "h.jsonl.gz is a broken gzip file"),
    "i.csv": (None, "i.csv cannot be read: No such file"),
    "j.csv": (b'text,label\n"a,b\n', "j.csv cannot be read: unexpected end of data"),
    "k.jsonl": (b'{"text": 5, "label": "b"}\n', "k.jsonl:1: its 'text' must be a string"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_texts_that_are_refused(name, tmp_path):
    content, message = BAD_TEXTS[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_labelled_texts(tmp_path / name)


def test_columns(tmp_path):
    path = tmp_path / "eng.train.conll"
    path.write_text("-DOCSTART- -X- O O\n\nEU\tNNP B-NP B-ORG\r\nsays VBZ B-VP O\n\n\n. . O O")
    read = read_conll(path)
    assert read.name == "eng.train"
    assert read.tokens == (("EU", "says"), (".",))
    assert read.tags == (("B-ORG", "O"), ("O",))
    assert read_conll(path, token_column=2, tag_column=3).tokens[0] == ("NNP", "VBZ")
    assert read_conll(path, token_column=2, tag_column=3).tags[0] == ("B-NP", "B-VP")


def test_columns_of_universal_dependencies(tmp_path):
    path = tmp_path / "fr.conllu"
    rows = ["1-2\tdu\t_\t_", "1\tde\tde\tADP", "2\tle\tle\tDET", "2.1\tx\tx\tX"]
    rows.append("3\t10 000\t10 000\tNUM")
    path.write_text("# sent_id = 1\n" + "\n".join(rows) + "\n\n# text = #\n1\t#\t#\tSYM\n")
    read = read_conll(path, token_column=2, tag_column=4)
    assert read.tokens == (("de", "le", "10 000"), ("#",))
    assert read.tags == (("ADP", "DET", "NUM"), ("SYM",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a O\nb\n", "x.conll:2: a line must have at least 2 columns. Received: 'b'."),
        (b"\n\n", "x.conll holds no sentence"),
        (b"a \xff\n", "x.conll is not valid UTF-8"),
    ],
)
def test_columns_that_are_refused(content, message, tmp_path):
    (tmp_path / "x.conll").write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_conll(tmp_path / "x.conll")


def test_parts_share_nothing_and_depend_on_the_seed():
    parts = split_examples(100, 0.2, 0.1, seed=3)
    assert [len(part) for part in parts] == [70, 20, 10]
    assert sorted(i for part in parts for i in part) == list(range(100))
    again = split_examples(100, 0.2, 0.1, seed=3)
    assert all((a == b).all() for a, b in zip(parts, again, strict=True))
    assert (split_examples(100, 0.2, 0.1, seed=4)[2] != parts[2]).any()
    with pytest.raises(InputError, match="4 examples are too few"):
        split_examples(4, 0.1, 0.1, seed=0)


def test_letter_names_say_no_more_than_the_letter():
    names = letter_names()
    assert set(names.labels) == {script.lower() for script in SCRIPTS}
    assert len(set(zip(names.texts, names.labels, strict=True))) == len(names.texts) > 5000
    words = {word for text in names.texts for word in text.split()}
    assert not words & {"letter", "syllable", "syllabics", "capital", "small", "sign", "ligature"}


def test_what_names_in_code_stand_for():
    source = """
@functools.cache
class Reader(io.Base):
    def read(self, size: int = -1, *rest, **options) -> bytes:
        from os.path import join, split as cut
        for i, self.line in enumerate(self.lines(f"{size}", key=len)):
            raise errors.Bad(i) from None
        try: pass
        except (ValueError, OSError) as error: x[i].y += go()(1).stop()
"""
    lines = [" ".join(w if t == "O" else f"{w}/{t}" for w, t in line) for line in tag_code(source)]
    assert lines == [
        "functools/B-DECORATOR cache/I-DECORATOR",
        "class Reader/B-CLASS io/B-BASE Base/I-BASE",
        "def read/B-FUNCTION self/B-PARAMETER size/B-PARAMETER int 1 rest/B-PARAMETER "
        "options/B-PARAMETER bytes",
        "from os/B-MODULE path/I-MODULE import join/B-IMPORT split/B-IMPORT as cut",
        "for i/B-TARGET self/B-TARGET line/I-TARGET in enumerate/B-CALL self/B-CALL lines/I-CALL "
        "'' key/B-KEYWORD len",
        "raise errors/B-EXCEPTION Bad/I-EXCEPTION i from None",
        "try pass",
        "except ValueError/B-EXCEPTION OSError/B-EXCEPTION as error x i y/B-TARGET go/B-CALL 1 "
        "stop/B-CALL",
    ]
