"""Cells and tokenizers of a person's own in an export: those that need no Python, and no others."""

import importlib
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.generation import TextGenerator
from tfseq.models import TextClassifier
from tfseq.serving import (
    ServingSettings,
    export_language_model,
    export_text_classifier,
    inspect_export,
)
from tfseq.serving.signatures.language_model_signatures import LanguageModelSignatures

MODULE = '''
import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("own_parts")
class LeakyCell(keras.layers.Layer):
    """H_t = 0.7 H_{t-1} + 0.3 tanh(X_t W)."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def call(self, inputs, states, training=None):
        output = 0.7 * states[0] + 0.3 * keras.ops.tanh(inputs @ self.kernel)
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("own_parts")
def leaky(units):
    return LeakyCell(units)


class Syllables:
    """Syllables are separated by hyphens; a table holds other spellings."""

    def __init__(self):
        spellings = tf.lookup.KeyValueTensorInitializer(["&"], ["and"])
        self.spellings = tf.lookup.StaticHashTable(spellings, "")

    def tokenize(self, strings):
        return tf.ragged.map_flat_values(self.spell, tf.strings.split(strings, "-"))

    def spell(self, syllables):
        other = self.spellings.lookup(syllables)
        return tf.where(other == "", syllables, other)

    def detokenize(self, tokens):
        return tf.strings.reduce_join(tokens, axis=-1, separator="-")
'''
SYLLABLES = ["time", "ma", "chine", "and"]


@pytest.fixture
def own_parts(tmp_path, monkeypatch):
    """A module of another project, and what removes it without a trace."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "own_parts.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder)

    def remove():
        (folder / "own_parts.py").unlink()
        sys.modules.pop("own_parts", None)
        importlib.invalidate_caches()

    yield importlib.import_module("own_parts"), remove
    sys.modules.pop("own_parts", None)


def lively(model):
    rng = np.random.default_rng(5)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


@pytest.mark.slow
@pytest.mark.usefixtures("not_warmed_up")
def test_a_language_model_answers_where_the_module_of_its_parts_is_absent(
    own_parts, loader, tmp_path
):
    module, remove = own_parts
    vocabulary, tokenizer = tfseq.Vocabulary(SYLLABLES), module.Syllables()
    model = lively(tfseq.LanguageModel(len(vocabulary), cell=module.leaky, units=6))
    prompts, settings = ["time-ma", "&-&", ""], {"temperature": 1.5, "seed": [1, 2, 3]}
    generator = TextGenerator(model, tokenizer, vocabulary)
    expected = generator.generate(prompts, 5, **settings)
    scores = generator.score(["time-and-time", "ma-chine"])
    path = export_language_model(model, tokenizer, vocabulary, tmp_path / "name")
    assert inspect_export(path).problems == ()
    assert inspect_export(path).card["tokenizer"] == {"kind": "own_parts:Syllables"}
    remove()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("own_parts")

    signatures = loader.load(path)
    assert set(signatures["step"]["inputs"]) == {"token_ids", "state_0"}
    answer = loader.run(
        path,
        "generate",
        prompt=prompts,
        max_new_tokens=np.full(3, 5, "int32"),
        temperature=np.full(3, 1.5, "float32"),
        top_k=np.zeros(3, "int32"),
        top_p=np.ones(3, "float32"),
        seed=np.arange(1, 4),
    )
    assert answer["text"].tolist() == [e.text.encode() for e in expected]
    assert set("-".join(e.completion for e in expected).split("-")) <= set(SYLLABLES)
    encoded = loader.run(path, "encode", text=["time-&-other"])
    assert encoded["token_ids"].tolist() == [
        [vocabulary.token_to_id(t) for t in ("time", "and", "?")]
    ]
    answer = loader.run(path, "score", text=["time-&-time", "ma-chine"])
    np.testing.assert_allclose(
        answer["log_probability"], [s.log_probability for s in scores], rtol=1e-5
    )


@pytest.mark.usefixtures("not_warmed_up")
def test_a_classifier_answers_where_the_module_of_its_parts_is_absent(own_parts, loader, tmp_path):
    module, remove = own_parts
    vocabulary, tokenizer = tfseq.Vocabulary(SYLLABLES), module.Syllables()
    model = lively(TextClassifier(len(vocabulary), 2, units=6))
    texts = ["time-ma", "and-chine-ma"]
    ids = vocabulary.token_to_id(tokenizer.tokenize(texts)).to_tensor(-1)
    expected = tf.nn.softmax(model(ids)).numpy().max(axis=1)
    path = export_text_classifier(model, tokenizer, vocabulary, ["a", "b"], tmp_path / "name")
    remove()
    loader.load(path)
    scores = loader.run(path, "serving_default", text=["time-ma", "&-chine-ma"])["scores"]
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-5)


class Splitting:
    """A way to split, and the same way back as anyone would write it."""

    def __init__(self, split):
        self.tokenize = split

    def detokenize(self, tokens):
        return tf.strings.reduce_join(tokens, axis=-1)


def with_numpy(strings):
    return tf.ragged.constant([list(text.decode()) for text in strings.numpy()])


def with_a_loop(strings):
    return tf.ragged.stack([tf.strings.unicode_split(text, "UTF-8") for text in strings])


def with_python(strings):
    spec = tf.RaggedTensorSpec([None, None], tf.string)
    return tf.py_function(with_numpy, [strings], spec)


def with_python_in_a_branch(strings):
    def same():
        return tf.ensure_shape(tf.numpy_function(lambda v: v, [strings], tf.string), [None])

    strings = tf.cond(tf.size(strings) > 1, same, lambda: strings)
    return tf.strings.split(strings)


def compiled(strings):
    lengths = tf.function(lambda x: x * 1, jit_compile=True)(tf.strings.length(strings))
    return tf.strings.split(tf.strings.substr(strings, 0 * lengths, lengths))


def nothing(strings):
    return None


NO_PYTHON, NO_XLA = "the server has no Python", "it must be compiled by XLA, which is switched off"
REFUSED = {
    with_numpy: "cannot be traced: AttributeError: .* has no attribute 'numpy'",
    with_a_loop: "cannot be traced: OperatorNotAllowedInGraphError: .*",
    with_python: rf"needs EagerPyFunc \(\w+\) in the main graph; {NO_PYTHON}",
    with_python_in_a_branch: rf"needs PyFunc \(\S+\) in function \w+; {NO_PYTHON}",
    nothing: r"must return a RaggedTensorSpec\(.*\), and returns a NoneTensorSpec\(\)",
    compiled: rf"needs .*; {NO_XLA} in the server",
    tf.strings.upper: r"must return a RaggedTensorSpec\(.*\), and returns a TensorSpec\(.*\)",
}


@pytest.mark.parametrize("split", REFUSED, ids=lambda split: split.__name__)
def test_a_tokenizer_that_is_not_in_graph_is_refused_before_anything_is_written(split, tmp_path):
    vocabulary, tokenizer = tfseq.Vocabulary(["a", "b"]), Splitting(split)
    language = tfseq.LanguageModel(len(vocabulary), units=2), tokenizer, vocabulary
    classifier = TextClassifier(len(vocabulary), 2, units=2), tokenizer, vocabulary, ["x", "y"]
    exports = (export_language_model, language), (export_text_classifier, classifier)
    for export, parts in exports:
        directory = tmp_path / export.__name__
        beginning = "`tokenizer` must be in-graph to be exported, for a server has no Python: "
        with pytest.raises(
            tfseq.InputError, match=rf"^{beginning}Splitting.tokenize {REFUSED[split]}\.$"
        ):
            export(*parts, directory)
        assert not directory.exists()


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("lstm", ["state_0_h", "state_0_c"]),
        (tfseq.LSTMCell, ["state_0_h", "state_0_c"]),
        (tfseq.GRUCell, ["state_0"]),
        (lambda units: type("MyCell", (tfseq.LSTMCell,), {})(units), ["state_0_0", "state_0_1"]),
    ],
    ids=["name", "class", "one state", "my own"],
)
def test_states_have_the_names_that_the_cell_gives_them(cell, names):
    vocabulary = tfseq.Vocabulary(["a", "b"])
    signatures = LanguageModelSignatures(
        tfseq.LanguageModel(len(vocabulary), cell, units=2),
        tfseq.CharTokenizer(),
        vocabulary.tables(),
        ServingSettings(),
    )
    assert [spec.name for spec in signatures.inputs["step"]] == ["token_ids", *names]


def test_a_language_model_needs_the_way_back(tmp_path):
    vocabulary, tokenizer = tfseq.Vocabulary(["a", "b"]), Splitting(tf.strings.bytes_split)
    model = tfseq.LanguageModel(len(vocabulary), units=2)
    tokenizer.detokenize = None
    with pytest.raises(tfseq.InputError, match=r"must have a method `detokenize`"):
        export_language_model(model, tokenizer, vocabulary, tmp_path / "name")
    tokenizer.detokenize = lambda tokens: tokens.flat_values.numpy()[0]
    with pytest.raises(tfseq.InputError, match=r"Splitting\.detokenize cannot be traced: "):
        export_language_model(model, tokenizer, vocabulary, tmp_path / "name")
    assert not (tmp_path / "name").exists()
