"""Sentences from column files: every dialect, and what is refused by line."""

import gzip
import re

import pytest

from tfseq.data.labelled.labelled_sentences import read_conll
from tfseq.errors import InputError


def test_columns(tmp_path):
    path = tmp_path / "eng.train.conll"
    path.write_text(
        "-DOCSTART- -X- O O\n\nEU\tNNP B-NP B-ORG \r\n says VBZ  B-VP O\t\n \n\n. . O O"
    )
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
        (b"a\nb\n", "x.conll:1: a line must have at least 2 columns. Received: 'a'."),
        (b"a O\nb\n", "x.conll:2: a line must have 2 columns separated by white space"),
        (b"EU NNP O\nsays VBZ\n\nit PRP O\n", "x.conll:2: a line must have 3 columns"),
        (b"EU NNP\nsays VBZ O\n\nit PRP O\n", "x.conll:1: a line must have 3 columns"),
        (b"a\tO\nNew York\tO\n\nc d\n", "x.conll:4: a line must have 2 columns separated by tabs"),
        (b"a\tX\tO\n\tX\tO\n\n", "x.conll:2: column 1 is empty"),
        ("a\tO\nb\t\u00a0\n\n".encode(), "x.conll:2: column 2 is empty"),
        (b"a O\n# text = b\nb O\n\n", "x.conll:2: a comment within a sentence"),
        (b"a O\n# b\tc\td\nb O\n\n", "x.conll:2: a line must have 2 columns"),
        (b"# sent_id 5\na X O\n\nb X O\n", "x.conll:1: could be a comment, or a token whose tag"),
        (b"# Comment\na O\n\nb O\n", "x.conll:1: could be a comment, or a token whose tag"),
        (
            b"# speaker A\na X O\n\nb X O\n",
            "x.conll:1: could be a comment, or a token whose tag 'A'",
        ),
        (b"a X O\n\n# speaker A\nb X O\n\n# speaker A\nb X O\n", "x.conll:3: could be a comment"),
        (b"a X O\n# speaker A\nb X O\n\nb X O\n", "x.conll:2: could be a comment"),
        (b"#doc 12\na O\n\nb O\n", "x.conll:1: could be a comment, or a token whose tag '12'"),
        (b"#doc 12\na O\n#doc 13\nb O\n\n", "x.conll:1: could be a comment"),
        (b"# ---\na O\n\nb O\n", "x.conll:1: could be a comment, or a token whose tag '---'"),
        (b"# speaker\tA\na\tO\n\nb\tO\n", "x.conll:1: could be a comment, or a token"),
        (b"a O\nb O\n", "x.conll has no empty line: its 2 tokens would be one sentence"),
        (b"\n\n", "x.conll has no sentence"),
        (b"a \xff\n", "x.conll is not valid UTF-8: invalid start byte at byte 2 (0xff), line 1"),
        (b"a O\n\n\0 O\n", "x.conll is not text: it has a NUL at byte 5, line 3"),
        ("a O\n\nb O\n".encode("utf-16-be"), "seems to be UTF-16BE without a byte order mark"),
    ],
)
def test_columns_that_are_refused(content, message, tmp_path):
    (tmp_path / "x.conll").write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_conll(tmp_path / "x.conll")


IN_COLUMNS = {
    "tabs": (
        "New York\tB-LOC\r\n10\u00a0000\tO \r\n\r\n\u3000\tO\t\r\n",
        [["New York", "10\u00a0000"], ["\u3000"]],
        [["B-LOC", "O"], ["O"]],
    ),
    "no-break spaces": (
        "10\u00a0000 O\n\na\u2028b O\n",
        [["10\u00a0000"], ["a\u2028b"]],
        [["O"], ["O"]],
    ),
    "no-break spaces in tags": ("a\tB-X\u00a0\nb\tI-X\n\n", [["a", "b"]], [["B-X", "I-X"]]),
    "comments": (
        "# id = 7\n# text = Go # b\n\n#newdoc id = 1\n# newpar\n#\nGo VB\n# SYM\nb NN\n"
        "\n# SYM\n% SYM\n",
        [["Go", "#", "b"], ["#", "%"]],
        [["VB", "SYM", "NN"], ["SYM", "SYM"]],
    ),
    "comments without a sign": (
        "# speaker A B\n#doc\n# Comment\na X O\n# # O\n\n# end of a\n# X O\nb X O\n",
        [["a", "#"], ["#", "b"]],
        [["O", "O"], ["O", "O"]],
    ),
    "a sign as its own tag": (
        "# #\n5 CD\n\nover IN\n# #\n5 CD\n",
        [["#", "5"], ["over", "#", "5"]],
        [["#", "CD"], ["IN", "#", "CD"]],
    ),
    "a tag of hashtags": (
        "#fail HT\na NN\n#win HT\n\n#win HT\nso RB\n#fail HT\n",
        [["#fail", "a", "#win"], ["#win", "so", "#fail"]],
        [["HT", "NN", "HT"], ["HT", "RB", "HT"]],
    ),
    "comments with as many columns": (
        "# text = Hi\nHi UH O O\n\n#hash NN O O\n",
        [["Hi"], ["#hash"]],
        [["O"], ["O"]],
    ),
    "comments among tabs": (
        "# text = a\tb\na b\tO\n#\tO\n\n#\tX\n#end document\n",
        [["a b", "#"], ["#"]],
        [["O", "O"], ["X"]],
    ),
    "CoNLL-2012": ("#begin document (bc/x); part 000\na O\n\n#end document\n", [["a"]], [["O"]]),
    "documents": (
        "-DOCSTART-\tO\na\tO\n-DOCSTART-\tO\n-DOCSTART-x\tO\n",
        [["a"], ["-DOCSTART-x"]],
        [["O"], ["O"]],
    ),
}


@pytest.mark.parametrize("case", IN_COLUMNS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_dialects_of_columns(case, mark, tmp_path):
    text, tokens, tags = IN_COLUMNS[case]
    path = tmp_path / "x.CONLL.GZ"
    path.write_bytes(gzip.compress((mark + text).encode()))
    read = read_conll(path)
    assert [list(s) for s in read.tokens] == tokens
    assert [list(s) for s in read.tags] == tags
    assert read.name == "x"


UNIVERSAL = """# sent_id = 1
1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_
1\tde\tde\tADP\t_\t_\t0\troot\t_\t_
2\tle\tle\tDET\t_\t_\t1\tdet\t_\t_
2.1\tx\tx\tX\t_\t_\t_\t_\t_\t_

# text = #
1\t#\t#\tSYM\t_\t_\t0\troot\t_\t_
"""


@pytest.mark.parametrize("name", ["fr.txt", "fr.CONLLU"])
def test_universal_dependencies_are_known_by_their_columns(name, tmp_path):
    path = tmp_path / name
    path.write_text(UNIVERSAL)
    read = read_conll(path, token_column=2, tag_column=4)
    assert read.tokens == (("de", "le"), ("#",))
    assert read.tags == (("ADP", "DET"), ("SYM",))
    with pytest.raises(InputError, match="first column numbers the words"):
        read_conll(path)


def test_universal_dependencies_without_tabs(tmp_path):
    path = tmp_path / "fr.conllu"
    path.write_text(UNIVERSAL.replace("\t", " "))
    with pytest.raises(InputError, match=r"fr\.conllu:2: a line of CoNLL-U must begin with"):
        read_conll(path, token_column=2, tag_column=4)


COUNTED = {
    "CoNLL-2009": "1\tEs\tes\tes\tPPER\tPPER\t_\t_\t2\t2\tSB\tSB\t_\t_\n"
    "2\tregnet\tregnen\tregnen\tVV\tVV\t_\t_\t0\t0\tROOT\tROOT\tY\tregnen.1\n\n"
    "1\t#\t#\t#\tSYM\tSYM\t_\t_\t0\t0\tROOT\tROOT\t_\t_\n",
    "CoNLL-X in spaces": "1   Es  es  PPER PPER _ 2 SB _ _\n"
    "2   regnet regnen VV VV _ 0 ROOT _ _\n\n"
    "1   # # SYM SYM _ 0 ROOT _ _\n",
    "three columns, ranges": "# speaker A\n"
    "1-2\tEs_regnet\t_\n1\tEs\tPPER\n2\tregnet\tVV\n\n1\t#\tSYM\n",
    "from 0": "0 Es PPER\n1 regnet VV\n\n0 # SYM\n",
}


@pytest.mark.parametrize("case", COUNTED)
def test_numbers_of_words_are_not_taken_for_tokens(case, tmp_path):
    path = tmp_path / "de.conll"
    path.write_text(COUNTED[case])
    tag_column = {"CoNLL-2009": 5, "CoNLL-X in spaces": 4}.get(case)
    read = read_conll(path, token_column=2, tag_column=tag_column)
    assert read.tokens == (("Es", "regnet"), ("#",))
    assert read.tags == (("PPER", "VV"), ("SYM",))
    with pytest.raises(
        InputError, match=r"first column numbers the words.* Give 2 as `token_column"
    ):
        read_conll(path)


@pytest.mark.parametrize(
    "text", ["1 CD\n2 CD\n\n1 CD\n", "1 CD O\n\n1 CD O\n", "1 CD O\n3 CD O\n\n"]
)
def test_numbers_that_are_tokens(text, tmp_path):
    path = tmp_path / "x.conll"
    path.write_text(text)
    assert read_conll(path).tokens[0][0] == "1"
