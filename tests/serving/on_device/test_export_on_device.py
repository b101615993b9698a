"""What a LiteRT export holds, what its runner writes, and when it refuses."""

import hashlib
import json
import os

import pytest
from lively_weights import draw_weights

import tfseq
from tfseq.generation import TextGenerator
from tfseq.models import Tagger
from tfseq.serving.on_device import export as export_module
from tfseq.serving.on_device.export import describe_files, export_on_device
from tfseq.text.special_tokens import BEGIN, END

TEXT = "the time machine went on, and on; it's light.\n"


def _language(kind):
    if kind == "documents":
        tokenizer, tokens = tfseq.CharTokenizer(), [BEGIN, END, *sorted(set(TEXT))]
    elif kind == "word":
        tokenizer = tfseq.WordTokenizer(line_ends=True)
        tokens = ["<eos>", "the", "time", "machine", "it's", ",", ".", "(", ")", "-", "3", "on"]
    else:
        tokenizer, tokens = tfseq.CharTokenizer(), sorted(set(TEXT))
    vocabulary = tfseq.Vocabulary(tokens)
    model = tfseq.LanguageModel(
        len(vocabulary), "gru", units=36, document_ids=vocabulary.document_ids
    )
    draw_weights(model, 8, scale=0.3)
    return model, tokenizer, vocabulary


@pytest.fixture(
    scope="module",
    params=["char", *(pytest.param(k, marks=pytest.mark.slow) for k in ("word", "documents"))],
)
def exported(request, tmp_path_factory):
    parts = _language(request.param)
    _, tokenizer, vocabulary = parts
    place = tmp_path_factory.mktemp("litert") / "name"
    ids = vocabulary.token_to_id(tokenizer.tokenize(TEXT * 2)).numpy()
    return parts, export_on_device(*parts, place, ids=ids, context=3, metadata={"run": "mine"})


def test_the_card_tells_sizes_digests_and_what_was_measured(exported):
    (model, _, _), path = exported
    assert os.listdir(path.parent) == ["1"]
    card = json.loads((path / "card.json").read_text(encoding="utf-8"))
    files = sorted(p.name for p in path.iterdir())
    assert files == [
        "card.json",
        "model_float32.tflite",
        "model_int8.tflite",
        "run.py",
        "tokenizer.json",
    ]
    for name in set(files) - {"card.json"}:
        content = (path / name).read_bytes()
        assert card["bytes"][name] == len(content)
        assert card["sha256"][name] == hashlib.sha256(content).hexdigest()
    assert card["metadata"] == {"run": "mine"}
    assert card["states"] == {"state_0": [1, 36]}
    assert tfseq.LanguageModel.from_config(card["model"]).count_params() == model.count_params()
    float32, int8 = card["measured"]["float32"], card["measured"]["int8"]
    assert float32["num_tokens"] == int8["num_tokens"] > 10
    assert float32["perplexity"] != int8["perplexity"]
    assert int8["perplexity"] == pytest.approx(float32["perplexity"], rel=0.1)
    lines = describe_files(path)
    assert [line.split()[0] for line in lines] == ["float32", "int8"]
    assert f"perplexity {int8['perplexity']:.4f} on {int8['num_tokens']} tokens" in lines[1]
    # Readable for whoever serves the files.
    assert os.stat(path).st_mode & 0o055 == 0o055


def test_the_runner_writes_what_the_library_writes(exported, runner):
    parts, path = exported
    generator, run = TextGenerator(*parts), runner(path)
    model, text = run.Model(path / "model_float32.tflite"), run.Text(path)
    for prompt in ("the time", "on, zzz"):
        expected = generator.generate(prompt, 30, temperature=0)
        model.states = model.zeros
        written = run.generate(model, text, prompt, 30, temperature=0)
        if "zzz" not in prompt:
            assert written == expected.text
        assert written.endswith(expected.completion.lstrip())
    # A seed determines the text.
    drawn = [
        run.generate(run.Model(path / "model_int8.tflite"), text, "", 20, seed=s) for s in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert "<unk>" not in "".join(drawn)


def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch):
    parts = _language("char")
    monkeypatch.setattr(export_module, "litert_files", lambda *_: {"float32": b"1", "int8": b"2"})
    monkeypatch.setattr(export_module, "describe_text", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_on_device(*parts, tmp_path / "name")
    assert os.listdir(tmp_path) == []


def test_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "litert_files", None)
    model, tokenizer, vocabulary = parts = _language("char")
    with pytest.raises(TypeError, match=r"`model` must be a tfseq\.LanguageModel"):
        export_on_device(Tagger(4, 3, units=4), tokenizer, vocabulary, tmp_path / "name")
    with pytest.raises(ValueError, match="`vocabulary` must have as many tokens"):
        export_on_device(model, tokenizer, tfseq.Vocabulary(["a"]), tmp_path / "name")
    (tmp_path / "name" / "3").mkdir(parents=True)
    with pytest.raises(tfseq.InputError, match="an export is never overwritten"):
        export_on_device(*parts, tmp_path / "name", version=3)
    (tmp_path / "name" / "3" / "saved_model.pb").touch()
    with pytest.raises(tfseq.InputError, match="`name` must be one of its own for `format` litert"):
        export_on_device(*parts, tmp_path / "name")
    assert os.listdir(tmp_path) == ["name"]


def test_a_tokenizer_of_ones_own_needs_a_program_of_ones_own(runner, tmp_path):
    class Own(tfseq.CharTokenizer):
        """It may do anything."""

    _, _, vocabulary = _language("char")
    described = export_module.describe_text(Own(), vocabulary)
    assert described["kind"] is None
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    (tmp_path / "run.py").write_bytes(
        export_module.Path(export_module.__file__).with_name("runner.py").read_bytes()
    )
    with pytest.raises(SystemExit, match="tokenizer is Python of its own"):
        runner(tmp_path).Text(tmp_path)
