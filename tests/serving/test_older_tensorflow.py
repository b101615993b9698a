"""What this TensorFlow exports, loaded by older ones: servers lag it by months.

`python tests/serving/older_tensorflow.py 2.19 2.20` makes the environments and runs these tests.
"""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from lively_weights import draw_weights

import tfseq
from tfseq.models import Forecaster, Tagger, TextClassifier
from tfseq.serving import export as export_module
from tfseq.serving import (
    export_forecaster,
    export_language_model,
    export_tagger,
    export_text_classifier,
)
from tfseq.serving.loader.loader_process import LoaderProcess
from tfseq.serving.warm_up import WARM_UP_FILE, read_records
from tfseq.text.special_tokens import BEGIN, END

from .conftest import SETTINGS

PYTHONS = [path for path in os.environ.get("TFSEQ_OLDER_PYTHONS", "").split(os.pathsep) if path]
TEXTS = ["the time", "", "想要 machine, it's\n", "e\u0301 \x00 zzz 👩‍👩‍👧", b"\xff on it"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHONS, reason="no older TensorFlow: run tests/serving/older_tensorflow.py"
    ),
]


@pytest.fixture(scope="module", params=PYTHONS)
def older(request):
    with LoaderProcess(request.param) as loader:
        yield loader


def _language(place, make_language, language, **options):
    model, tokenizer, vocabulary = make_language(*language, **options)
    return export_language_model(model, tokenizer, vocabulary, place, settings=SETTINGS)


def _documents(place):
    tokenizer = tfseq.CharTokenizer()
    vocabulary = tfseq.Vocabulary([BEGIN, END, *"the im想"])
    model = tfseq.LanguageModel(
        len(vocabulary), cell="lstm", units=12, document_ids=vocabulary.document_ids
    )
    draw_weights(model, 5)
    return export_language_model(model, tokenizer, vocabulary, place, settings=SETTINGS)


def _classifier(place):
    vocabulary = tfseq.Vocabulary(["the", "time", "on"])
    model = TextClassifier(len(vocabulary), 3, "lstm", units=6, num_layers=2)
    draw_weights(model, 1)
    return export_text_classifier(model, tfseq.WordTokenizer(), vocabulary, ["a", "b", "猫"], place)


def _tagger(place):
    vocabulary = tfseq.Vocabulary(["the", "time", "on"])
    model = Tagger(len(vocabulary), 3, units=6)
    draw_weights(model, 2)
    return export_tagger(model, vocabulary, ["B-X", "I-X", "O"], place)


def _forecaster(place):
    model = Forecaster(2, 8, cell="gru", units=7, num_layers=2, steps_ahead=3)
    draw_weights(model, 3)
    return export_forecaster(model, place, columns=["a", "b"])


KINDS = {
    **{
        "-".join(map(str, language)): lambda place, make, language=language: _language(
            place, make, language
        )
        for language in [
            ("gru", 2, "char"),
            ("lstm", 2, "word"),
            ("mogrifier", 1, "char"),
            ("min_gru", 2, "char"),
            ("layer_norm_lstm", 1, "word"),
            ("gru", 1, "subword"),
        ]
    },
    "adaptive": lambda place, make: _language(
        place, make, ("lstm", 1, "char"), embedding_size=8, softmax="adaptive", cutoffs=(5, 9)
    ),
    "documents": lambda place, make: _documents(place),
    "classifier": lambda place, make: _classifier(place),
    "tagger": lambda place, make: _tagger(place),
    "forecaster": lambda place, make: _forecaster(place),
}


@pytest.fixture(scope="module", params=KINDS)
def exported(request, loader, make_language, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "LoaderProcess", lambda: contextlib.nullcontext(loader))
        place = tmp_path_factory.mktemp("older") / request.param
        path = KINDS[request.param](place, make_language)
    loader.load(path)
    return path


def requests_of(path):
    """The warm-up requests, of every signature and batch size, and the same with other texts."""
    for signature, inputs in read_records(Path(path, WARM_UP_FILE)):
        yield signature, inputs
        strings = {name: v for name, v in inputs.items() if v.dtype == object and v.ndim == 1}
        if strings:
            rows = len(next(iter(inputs.values())))
            texts = np.array([TEXTS[i % len(TEXTS)] for i in range(rows)], object)
            yield signature, {**inputs, **dict.fromkeys(strings, texts)}


def test_it_loads_and_every_signature_answers_the_same(exported, loader, older):
    signatures = older.load(exported)
    seen = set()
    for signature, inputs in requests_of(exported):
        expected = loader.run(exported, signature, **inputs)
        answer = older.run(exported, signature, **inputs)
        assert set(answer) == set(expected)
        for name, value in answer.items():
            if value.dtype.kind == "f":
                np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)
            else:
                np.testing.assert_array_equal(value, expected[name])
        seen.add(signature)
    assert seen == set(signatures)
