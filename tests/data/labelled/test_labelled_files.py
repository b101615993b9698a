"""Labelled texts and sentences from files: what is read, and what is refused by line."""

import gzip
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.data.labelled.code_names import tag_code
from tfseq.data.labelled.labelled_sentences import read_conll
from tfseq.data.labelled.labelled_texts import read_labelled_texts, split_examples
from tfseq.data.labelled.letter_names import SCRIPTS, letter_names
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
    "a.txt": (b"x", "`data` must be a .csv, .tsv or .jsonl file"),
    "b.csv": (
        b"text,other\na,b\n",
        "b.csv:2: no 'label'. It has: 'text', 'other'. Name one by `label_field`",
    ),
    "c.csv": (b"text,label\na,\n", "c.csv:2: its 'label' is empty"),
    "c2.csv": (b"text,label\na\n", "c2.csv:2: its 'label' is empty"),
    "c3.csv": (b"text,label\na, b,c\n", "c3.csv:2: more values than the 2 columns"),
    "d.csv": (b"text,label\n", "d.csv has no record"),
    "e.csv": (
        b"text,label\n\xff,a\n",
        "e.csv is not valid UTF-8: invalid start byte at byte 11 (0xff), line 2.",
    ),
    "f.jsonl": (
        b'{"text": "a", "label": "b"}\n[1]\n',
        "f.jsonl:2: must be a JSON object. Received: list.",
    ),
    "g.jsonl": (b"{\n", "g.jsonl:1: not JSON"),
    "h.jsonl.gz": (b"nothing", "h.jsonl.gz is not a complete gzip file"),
    "i.csv": (None, "i.csv cannot be read: No such file"),
    "j.csv": (b'text,label\na,b\n"a,b\nc,d\n', 'j.csv:3: a double quote (") is opened here'),
    "j2.csv": (b'text,label\n"a,b\nc,"d"\n', "j2.csv:2: not CSV: ',' expected after"),
    "l.csv": (b"text,label,text \na,b,c\n", "l.csv names a column twice: text."),
    "m.jsonl": (
        b'\n{"text": "a", "label": "b", "label": "c"}',
        "m.jsonl:2: has the field 'label' twi",
    ),
    "n.csv": (b"text,label\na, \n", "n.csv:2: its 'label' is empty"),
    "o.jsonl": (
        b'{"text": "\\ud83d", "label": "b"}',
        "o.jsonl:1: its 'text': invalid Unicode: half",
    ),
    "p.jsonl": (
        b'{"text": "", "label": "a\\ude00"}',
        "p.jsonl:1: its 'label': invalid Unicode: ha",
    ),
    "p2.jsonl": (
        b'{"text": "a\\u0000", "label": "b"}',
        "p2.jsonl:1: its 'text': a NUL at character 1",
    ),
    "p3.jsonl": (b'{"text": "a", "label": "\\u0000"}', "p3.jsonl:1: its 'label': a NUL at charact"),
    "q.csv": (b"text,label\na,b\n\0,c\n", "q.csv is not text: it has a NUL at byte 15, line 3."),
    "r.csv": ("text,label\na,b\n".encode("utf-16-le"), "seems to be UTF-16LE without a byte order"),
    "s.csv.gz": (
        gzip.compress(b"text,label\na,b\n", mtime=0)[:-3],
        "s.csv.gz is not a complete gzip file",
    ),
    "s2.tsv": (
        b'text\tlabel\nWell\tpos\n"Hello\tpos\nfoo\tneg\nBye"\tneg\n',
        's2.tsv:3: a double quote (") is opened here and closed in a later line',
    ),
    "s3.tsv.gz": (
        gzip.compress(b'text\tlabel\n"a\tb\r\n\r\n"\tc\r\n', mtime=0),
        's3.tsv.gz:2: a double quote (") is opened here and closed in a later line',
    ),
    "s4.csv": (b'text\t"label\na\tb\n"c"\td\n', "s4.csv:1: not CSV: '\t' expected after"),
    "s5.csv": (b'text\t"label\na\tb\nc"\td\n1\t2\t3\n', 's5.csv:1: a double quote (") is op'),
    "t.csv": (b"text;label\na;b,c;d\n", "t.csv:2: more values than the 2 columns"),
    "u.csv": (b"", "u.csv is empty"),
    "k.jsonl": (b'{"text": 5, "label": "b"}\n', "k.jsonl:1: its 'text' must be a string"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_texts_that_are_refused(name, tmp_path):
    content, message = BAD_TEXTS[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_labelled_texts(tmp_path / name)


@pytest.mark.parametrize("name", ["A.CSV", "a.tsv", "a.csv.GZ", "a.JSONL"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_labelled_texts_in_every_form(name, encoding, tmp_path):
    """Labels are stripped, and it is said how many; texts are kept as they are."""
    rows = [(" a,b\n ", "boat"), ("c;\td\u2028", "boat "), ("“é”", "\u00a0ship")]
    if name.endswith("JSONL"):
        lines = [json.dumps({"text": t, "label": n}, ensure_ascii=False) for t, n in rows]
        content = "\n".join(lines)
    else:
        part = "\t" if "tsv" in name else ";" if "GZ" in name else ","
        content = part.join(["text ", " label", "", "\r\n"])
        content += "".join(f'"{t}"{part}{n}{part}{part}\r\n' for t, n in rows)
    data = content.encode(encoding)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("GZ") else data)
    read = read_labelled_texts(path)
    assert read.texts == tuple(text for text, _ in rows)
    assert read.labels == ("boat", "boat", "ship")
    assert read.name.lower() == "a"
    assert read.notes == ("white space at the ends of 2 labels was dropped.",)


UNIVERSAL = """# sent_id = 1
1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_
1\tde\tde\tADP\t_\t_\t0\troot\t_\t_
2\tle\tle\tDET\t_\t_\t1\tdet\t_\t_
2.1\tx\tx\tX\t_\t_\t_\t_\t_\t_

# text = #
1\t#\t#\tSYM\t_\t_\t0\troot\t_\t_
"""


@settings(max_examples=200)
@given(st.sampled_from(["csv", "csv.gz", "jsonl", "tsv", "conll", "conllu", "txt"]), st.data())
def test_any_file_is_read_or_refused_by_name(tmp_path_factory, ending, data):
    """Bytes of every kind, and small changes of a sound file: no traceback, and the file's name."""
    sound = {
        "jsonl": b'{"text": "a b", "label": "c"}\n{"text": "\\u00e9", "label": "d"}\n',
        "conll": b"# id = 1\nNew York\tB-LOC\n#\tO\n\n-DOCSTART-\na\tO\n",
        "conllu": UNIVERSAL.encode(),
        "txt": b"# id = 1\nEU NNP O\n# # O\n\n. . O\n",
    }.get(ending, b'text,label\n"a ""b"",\nc",d\ne,f\n')
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(sound)))
        new = data.draw(st.sampled_from([b"", b'"', b",", b"\t", b"\n", b"\r", b"#", b" ", b"\0"]))
        content = sound[:place] + new + sound[place + data.draw(st.integers(0, 2)) :]
    else:
        content = data.draw(
            st.binary()
            | st.text().flatmap(lambda t: st.sampled_from([t.encode(c) for c in CODECS]))
        )
    if ending.endswith("gz"):
        content = gzip.compress(content)
    path = tmp_path_factory.mktemp("any") / f"any.{ending}"
    path.write_bytes(content)
    message = str(path)
    try:
        if ending in ("conll", "conllu", "txt"):
            read = read_conll(path, token_column=2 if ending == "conllu" else 1)
            assert list(map(len, read.tokens)) == list(map(len, read.tags))
            assert all(map(all, read.tokens + read.tags))
        else:
            read = read_labelled_texts(path)
            assert len(read.texts) == len(read.labels)
            assert all(read.labels)
    except InputError as error:
        message = str(error)
    assert str(path) in message


CODECS = ["utf-8", "utf-16", "utf-16-be", "utf-32", "utf-7"]


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
