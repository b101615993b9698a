"""That an ONNX file computes what the Keras model does."""

import json

import numpy as np
import pytest
from lively_weights import draw_weights

import tfseq
from tfseq.generation import TextGenerator
from tfseq.serving.on_device.export import export_on_device
from tfseq.serving.on_device.measurement import ONNXStep
from tfseq.serving.on_device.onnx_file import onnx_files

for package in ("tf2onnx", "onnxruntime"):
    pytest.importorskip(package, reason="the extra onnx is not installed")

SIZE = 40
MODELS = [
    ("lstm", {}),
    ("gru", {"num_layers": 2}),
    ("rnn", {}),
    ("min_gru", {}),
    ("min_lstm", {"num_layers": 2}),
    ("layer_norm_lstm", {}),
    ("mogrifier", {}),
    ("lstm", {"embedding_size": 48, "tie_embeddings": True}),
    ("gru", {"softmax": "adaptive", "cutoffs": (8, 20), "embedding_size": 12}),
    ("lstm", {"document_ids": (1, 2)}),
    ("gru", {"num_layers": 2, "residual": True, "feed_forward": 2.0}),
]


@pytest.mark.everyday(1)
@pytest.mark.parametrize(("cell", "options"), MODELS, ids=str)
def test_each_step_is_that_of_the_model(cell, options):
    model = tfseq.LanguageModel(SIZE, cell=cell, units=48, **options)
    draw_weights(model, 3, scale=0.3)
    ids = np.random.default_rng(1).integers(SIZE, size=60)
    expected = model(np.array([ids])).numpy()[0]
    step = ONNXStep(onnx_files(model)["float32"])
    logits = np.stack([step(i) for i in ids])
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    step.reset()
    unknown = step(0)
    step.reset()
    np.testing.assert_array_equal(step(-1), unknown)


def test_an_operation_that_there_is_not_is_named():
    model = tfseq.LanguageModel(SIZE, cell="rg_lru", units=8)
    with pytest.raises(tfseq.InputError, match=r"^tf2onnx cannot convert .* for: Expm1\.$"):
        onnx_files(model)


@pytest.mark.slow
def test_the_runner_writes_what_the_library_writes(runner, tmp_path):
    vocabulary = tfseq.Vocabulary(sorted(set("the machine,.\n")))
    model = tfseq.LanguageModel(len(vocabulary), "lstm", units=12)
    draw_weights(model, 8)
    parts = model, tfseq.CharTokenizer(), vocabulary
    path = export_on_device(*parts, tmp_path / "name", format="onnx", ids=[1, 2, 3, 2])
    assert sorted(p.name for p in path.iterdir()) == [
        "card.json",
        "model_float32.onnx",
        "run.py",
        "tokenizer.json",
    ]
    assert json.loads((path / "card.json").read_text())["measured"]["float32"]["num_tokens"] == 3
    run = runner(path)
    written = run.generate(
        run.Model(path / "model_float32.onnx"), run.Text(path), "the ", 30, temperature=0
    )
    assert written == TextGenerator(*parts).generate("the ", 30, temperature=0).text
