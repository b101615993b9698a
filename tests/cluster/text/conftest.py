"""A tokenizer of one's own."""

import sys

import pytest

from tfseq.text import make_tokenizer


@pytest.fixture
def own_tokenizer(tmp_path, monkeypatch):
    """One of a module that a test writes; its ids are not kept."""
    tmp_path.joinpath("parts_of_mine.py").write_text(
        "class Mine:\n"
        "    def tokenize(self, strings):\n"
        "        return [text.decode().split() for text in strings.numpy()]\n"
        "    def detokenize(self, tokens):\n"
        "        raise NotImplementedError\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "parts_of_mine", raising=False)
    return make_tokenizer({"kind": "parts_of_mine:Mine"})
