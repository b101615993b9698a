"""That text is split and joined without TensorFlow as it is with it."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tfseq
from tfseq.serving.on_device import runner
from tfseq.serving.on_device.tokenizer_file import SUBWORDS, describe_text
from tfseq.text.special_tokens import BEGIN, END

PLAIN = (
    "U.S.A. 3.14 and 1,000 at 10:30 (e.g. well-known a/b) '' ''' 'tis dogs' don't \"yes\" -- $5",
    "It said: \u201cno\u201d \u2026\r\nand\rleft;  the  end.\n\n",
    "我们想要直升机。「はい」、カー 한글 पानी e\u0301 Ａ ﬁ ² ½ €20 İı Straße Σίσυφος",
    "👩\u200d👩\u200d👧 👍🏽 🇩🇪 1\ufe0f\u20e3 a\u00adb \u00a0\u2028\x1c\x85 <eos> <unk> <0x41> ▁ _",
    "",
)
POOL = "".join(PLAIN) + "".join(map(chr, range(9, 127)))
OPTIONS = ({}, {"normalization": "nfkc"}, {"normalization": "letters"}, {"case_fold": True})
KINDS = {
    "char": tfseq.CharTokenizer,
    "word": tfseq.WordTokenizer,
    "word lines": lambda **options: tfseq.WordTokenizer(line_ends=True, **options),
    "whitespace": tfseq.WhitespaceTokenizer,
    "whitespace lines": lambda **options: tfseq.WhitespaceTokenizer(line_ends=True, **options),
    "subword": lambda **options: tfseq.SubwordTokenizer.learn(
        ["the dogs said it\n"] * 9, 290, **options
    ),
}


def texts(options):
    chance = random.Random(4)
    # Python folds case as Unicode does, but for emoji that hold what is dropped elsewhere.
    pool, plain = POOL, PLAIN
    if options.get("case_fold"):
        pool = "".join(c for c in POOL if ord(c) < 0x1F000 and c not in "\u200d\ufe0f\u20e3")
        plain = [text for text in PLAIN if "👩" not in text]
    return [
        *plain,
        *("".join(chance.choices(pool, k=chance.randrange(1, 30))) for _ in range(300)),
    ]


@pytest.mark.everyday(8)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_ids_and_texts_are_those_of_the_graph(kind, options, tmp_path):
    rows, expected = written(kind, options, tmp_path)
    work = [tmp_path, texts(options), rows]
    # SentencePiece's own package and TensorFlow Text's crash in one process.
    found = in_a_process(*work) if kind == "subword" else read_and_written(*work)
    assert found == [rows, expected]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("options", OPTIONS[:3], ids=str)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "subword"])
def test_javascript_reads_the_patterns_alike(kind, options, tmp_path):
    rows, expected = written(kind, options, tmp_path)
    shutil.copyfile(Path(__file__).with_name("text.js"), tmp_path / "text.mjs")
    (tmp_path / "work.json").write_text(json.dumps([texts(options), rows]))
    code = (
        "import fs from 'node:fs'; import { text } from './text.mjs'; "
        "const read = (file) => JSON.parse(fs.readFileSync(file)); "
        "const { encode, decode } = text(read('tokenizer.json')); "
        "const [given, rows] = read('work.json'); "
        "console.log(JSON.stringify([given.map(encode), rows.map(decode)]));"
    )
    command = ["node", "--input-type=module", "-e", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [rows, expected]


def written(kind, options, place):
    """Writes the files of a tokenizer; the graph's ids of `texts`, and what they stand for."""
    tokenizer = KINDS[kind](**options)
    rows = tokenizer.tokenize(texts(options))
    known = sorted({token.decode() for token in rows.flat_values.numpy()} - {"<unk>"})
    vocabulary = tfseq.Vocabulary(known[::2] + [t for t in known[1::2] if len(t) > 5])
    described = describe_text(tokenizer, vocabulary)
    (place / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
    if kind == "subword":
        (place / SUBWORDS).write_bytes(tokenizer.model)
    ids = vocabulary.token_to_id(rows)
    joined = tokenizer.detokenize(vocabulary.id_to_token(ids)).numpy()
    return ids.to_list(), [text.decode() for text in joined]


def read_and_written(place, given, rows):
    text = runner.Text(place)
    return [[*map(text.encode, given)], [*map(text.decode, rows)]]


def in_a_process(place, given, rows):
    shutil.copyfile(runner.__file__, place / "run.py")
    code = (
        "import json, run; text = run.Text('.'); given, rows = json.load(open('work.json')); "
        "print(json.dumps([[*map(text.encode, given)], [*map(text.decode, rows)]]))"
    )
    (place / "work.json").write_text(json.dumps([given, rows]))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=place, capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_special_tokens_are_no_text(tmp_path):
    vocabulary = tfseq.Vocabulary([BEGIN, END, "<end>", "a"])
    described = describe_text(tfseq.WhitespaceTokenizer(), vocabulary)
    assert described["tokens"] == ["<unk>", "<begin>", "<end>", "<end>", "a"]
    assert (described["begin"], described["end"]) == (1, 2)
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    text = runner.Text(tmp_path)
    assert text.encode("<begin> <end> a") == [0, 3, 4]
    assert text.decode([1, 4, 3, 2]) == "a <end>"
