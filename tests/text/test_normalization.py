import os
import re
import subprocess
import sys
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfseq.text import normalize

# Characters on which every version of Unicode in use agrees.
ASSIGNED = st.characters(exclude_categories=["Cs"]).filter(
    lambda char: unicodedata.ucd_3_2_0.category(char) != "Cn"
)


def letters(text):
    """The rule in its own words: what lies between letters is one line break or one space."""
    parts = re.split(r"([A-Za-z]+)", text)
    return "".join(
        part.lower() if i % 2 else part and ("\n" if re.search(r"[\n\r]", part) else " ")
        for i, part in enumerate(parts)
    )


def apply(text, *args, **kwargs):
    return normalize(tf.constant(text), *args, **kwargs).numpy().decode()


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("The Time Machine, by H. G. Wells [1898]", "the time machine by h g wells "),
        ("  one  two ", " one two "),
        ("one. \r\n\r\n  Two", "one\ntwo"),
        ("a\rb", "a\nb"),
        ("naïve", "na ve"),
        ("\u212aelvin", " elvin"),
        ("想要有直升机", " "),
        ("\n", "\n"),
        ("", ""),
    ],
)
def test_letters(text, normalized):
    assert apply(text, "letters") == normalized


@given(st.text(st.sampled_from("aZ \t\n\r.é中")) | st.text())
def test_letters_of_any_text(text):
    assert apply(text, "letters") == letters(text)


@given(st.text(ASSIGNED))
def test_nfkc_is_that_of_unicodedata(text):
    assert apply(text, "nfkc") == unicodedata.normalize("NFKC", text)


@given(st.text())
def test_none_leaves_valid_text_alone(text):
    assert apply(text) == text


@given(st.binary())
def test_invalid_bytes_become_replacement_characters(data):
    assert apply(data) == data.decode(errors="replace")


@given(st.lists(st.sampled_from([b"\xe0", b"\x80", b"\x9f", b"\xed", b"\xa0", b"\xf4", b"\x90"])))
def test_overlong_forms_and_surrogates_are_invalid(parts):
    data = b"".join(parts)
    assert apply(data) == data.decode(errors="replace")


def test_invalid_bytes_in_one_row_leave_the_others_alone():
    strings = normalize(tf.constant([b"caf\xc3\xa9", b"caf\xc3", b""])).numpy()
    assert [string.decode() for string in strings] == ["café", "caf\ufffd", ""]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("STRASSE Straße", "strasse strasse"),
        ("ΌΣΟΣ", "όσοσ"),
        ("ﬁ Ⅷ", "fi viii"),
        ("I", "i"),
        ("A❤️B\xad™️™ ❤︎C", "a❤️b™️tm ❤c"),
        ("X1️⃣#️⃣ 1️ A\ufe0f", "x1️⃣#️⃣ 1 a"),
        ("1️ A 1️⃣", "1 a 1️⃣"),
    ],
)
def test_case_folding(text, folded):
    assert apply(text, case_fold=True) == folded


@given(st.text(st.characters(codec="ascii")))
def test_case_folding_of_ascii_is_lower_case(text):
    assert apply(text, case_fold=True) == text.lower()


@given(st.text(ASSIGNED))
def test_case_folding_is_settled_after_one_pass(text):
    once = apply(text, case_fold=True)
    assert apply(once, case_fold=True) == once
    if "\ufe0f" not in once and "\u200d" not in once:  # No emoji whose signs are let be.
        assert apply(once, "nfkc") == once


@pytest.mark.slow
def test_case_folding_ignores_the_locale():
    code = (
        "import tensorflow as tf, tfseq.text;"
        "print(tfseq.text.normalize(tf.constant('TITLE'), case_fold=True).numpy().decode())"
    )
    turkish = {**os.environ, "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"}
    result = subprocess.run(
        [sys.executable, "-c", code], env=turkish, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "title"


def test_unknown_normalization():
    with pytest.raises(ValueError, match=r"`normalization` must be one of none, nfkc, letters"):
        normalize(tf.constant("a"), "nfd")
