"""One loader process for all tests, and exports of small models with lively weights."""

import contextlib
import dataclasses
import os
import signal
import threading
from typing import NamedTuple

import pytest
from lively_weights import draw_weights

import tfseq
from tfseq.generation import TextGenerator
from tfseq.serving import ServingSettings, export_language_model
from tfseq.serving import export as export_module
from tfseq.serving.loader.loader_process import LoaderProcess

CHARACTERS = [*"abcde想要有直升机.", "\n", " ", "\\", "\t"]
WORDS = ["the", "time", "machine", "想", "，", ".", "went", "on", "it's"]
SETTINGS = ServingSettings(
    max_new_tokens=32,
    max_prompt_bytes=64,
    max_score_bytes=256,
    default_max_new_tokens=20,
    max_batch_size=7,
    beam_size=3,
    num_next_tokens=5,
)


def _language(*parts, slow=False):
    marks = [pytest.mark.slow] if slow else []
    return pytest.param(parts, id="-".join(map(str, parts)), marks=marks)


# Each cell with both tokenizers, each depth with both. Every export takes seconds: every day a cell
# of one state with both, and one of two states.
LANGUAGES = [
    _language("rnn", 1, "char", slow=True),
    _language("rnn", 2, "word", slow=True),
    _language("gru", 1, "word"),
    _language("gru", 2, "char"),
    _language("lstm", 1, "char"),
    _language("lstm", 2, "word", slow=True),
    _language("min_gru", 2, "char", slow=True),
    _language("layer_norm_lstm", 1, "word", slow=True),
    _language("mogrifier", 1, "char", slow=True),
    _language("gru", 1, "subword", slow=True),
]


# No request of the tests takes so long, on any machine.
MOST_SECONDS = 120


class BoundedLoader(LoaderProcess):
    """Ended where a request takes too long: the tests then fail, and do not hang."""

    def run(self, directory, signature, **inputs):
        timer = threading.Timer(MOST_SECONDS, os.kill, (self.pid, signal.SIGKILL))
        timer.start()
        try:
            return super().run(directory, signature, **inputs)
        finally:
            timer.cancel()


class Exported(NamedTuple):
    """A version directory, loaded by the C API, and the same model in Python."""

    path: str
    signatures: dict
    generator: TextGenerator
    loader: LoaderProcess

    def run(self, signature, **inputs):
        return self.loader.run(self.path, signature, **inputs)


@pytest.fixture(scope="session")
def loader():
    loader = BoundedLoader()
    yield loader
    loader.close()


@pytest.fixture
def one_loader(loader, monkeypatch):
    """Exports are warmed up in the tests' own loader process: a new one for each takes seconds."""
    monkeypatch.setattr(export_module, "LoaderProcess", lambda: contextlib.nullcontext(loader))


@pytest.fixture(scope="session")
def make_language():
    """`make_language(cell, layers, kind)` -> model, tokenizer, vocabulary."""

    def make(cell="gru", layers=1, kind="char", **options):
        if kind == "subword":
            tokenizer = tfseq.SubwordTokenizer.learn([" ".join(WORDS) + "\n"] * 9, 290)
            vocabulary = tfseq.Vocabulary(tokenizer.tokens)
        else:
            tokenizer = tfseq.WordTokenizer() if kind == "word" else tfseq.CharTokenizer()
            vocabulary = tfseq.Vocabulary(WORDS if kind == "word" else CHARACTERS)
        model = tfseq.LanguageModel(
            len(vocabulary), cell=cell, **{"units": 12, "num_layers": layers, **options}
        )
        draw_weights(model, len(cell) + 10 * layers)
        return model, tokenizer, vocabulary

    return make


@pytest.fixture(scope="session")
def exported(loader, make_language, tmp_path_factory):
    """`exported(cell, layers, kind, **options of the model)` -> an `Exported`, made once;
    `banned_tokens` are those of the export.

    It is not warmed up, which takes as long as all else; `test_warm_up.py` does that.
    """
    cache = {}

    def get(*language, banned_tokens=(), **options):
        key = (language, banned_tokens, tuple(options.items()))
        if key not in cache:
            parts = make_language(*language, **options)
            base = tmp_path_factory.mktemp("exported") / "-".join(map(str, language))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(export_module, "LoaderProcess", contextlib.nullcontext)
                patch.setattr(export_module, "replay", lambda directory, loader: None)
                settings = dataclasses.replace(SETTINGS, banned_tokens=banned_tokens)
                path = export_language_model(*parts, base, settings=settings)
            cache[key] = Exported(path, loader.load(path), TextGenerator(*parts), loader)
        return cache[key]

    return get
