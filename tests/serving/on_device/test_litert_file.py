"""That a LiteRT file computes what the Keras model does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from lively_weights import draw_weights

import tfseq
from tfseq.serving.on_device.litert_file import litert_files
from tfseq.serving.on_device.measurement import LiteRTStep, measure

SIZE = 40
DOCUMENTS = {"document_ids": (1, 2)}


def _model(cell, **options):
    return pytest.param(
        (cell, options),
        id="-".join([cell, *options]),
        marks=[] if (cell, *options) in {("gru", "num_layers"), ("lstm",)} else [pytest.mark.slow],
    )


MODELS = [
    _model("lstm"),
    _model("gru", num_layers=2),
    _model("rnn"),
    _model("min_gru", num_layers=2),
    _model("min_lstm"),
    _model("rg_lru", num_layers=2),
    _model("layer_norm_lstm"),
    _model("mogrifier"),
    _model("gru", embedding_size=12),
    _model("lstm", embedding_size=48, tie_embeddings=True),
    _model("gru", softmax="sampled"),
    _model("lstm", softmax="adaptive", cutoffs=(8, 20)),
    _model("lstm", **DOCUMENTS),
    _model("gru", num_layers=2, skip_connections="both"),
    _model("gru", num_layers=2, residual=True, feed_forward=2.0),
    _model("lstm", dtype="mixed_bfloat16"),
]


@pytest.fixture(scope="module", params=MODELS)
def converted(request, tmp_path_factory):
    cell, options = request.param
    model = tfseq.LanguageModel(SIZE, cell=cell, units=48, **options)
    draw_weights(model, 3, scale=0.3)
    return model, litert_files(model, tmp_path_factory.mktemp("litert") / "saved")


def keras_logits(model, ids):
    """The logits after each id, float32 [N, V]."""
    if model.compute_dtype != "float32":
        own, model = (
            model,
            tfseq.LanguageModel.from_config({**model.get_config(), "dtype": "float32"}),
        )
        model.set_weights(own.get_weights())
    return model(np.array([ids], "int32")).numpy()[0]


def test_each_step_is_that_of_the_model(converted):
    model, files = converted
    ids = np.random.default_rng(1).integers(SIZE, size=60)
    expected = keras_logits(model, ids)
    scale = np.abs(expected).max()
    step = LiteRTStep(files["float32"])
    logits = np.stack([step(i) for i in ids])
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5 * scale)
    # The states are zero again.
    step.reset()
    np.testing.assert_array_equal(step(ids[0]), logits[0])
    # Eight bits: a weight is off by 1/254 of the largest of its row, at most; over the 60 steps the
    # models here are off by 0.005 to 0.024 of the largest logit.
    step = LiteRTStep(files["int8"])
    logits = np.stack([step(i) for i in ids])
    off = np.abs(logits - expected).max() / scale
    assert 1e-5 < off < 0.05
    assert len(files["int8"]) < len(files["float32"])


def test_an_unknown_id_is_unk(converted):
    _, files = converted
    step = LiteRTStep(files["float32"])
    unknown = step(0)
    for wrong in (SIZE, -1, 2**31 - 1, -(2**31)):
        step.reset()
        np.testing.assert_array_equal(step(wrong), unknown)


def test_perplexity_is_that_of_the_model(converted):
    model, files = converted
    ids = np.random.default_rng(2).integers(SIZE, size=200)
    logits = keras_logits(model, ids[:-1]).astype("float64")
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.exp(-np.log(probabilities[np.arange(199), ids[1:]]).mean())
    measured = measure(LiteRTStep(files["float32"]), ids)
    assert (measured.num_tokens, measured.microseconds > 0) == (199, True)
    assert measured.perplexity == pytest.approx(expected, rel=1e-5)
    assert (
        measure(LiteRTStep(files["float32"]), ids[1:], context=ids[0]).perplexity
        == measured.perplexity
    )
    assert measure(LiteRTStep(files["int8"]), ids).perplexity == pytest.approx(expected, rel=0.02)


@keras.saving.register_keras_serializable(package="litert_test")
class DigammaCell(keras.layers.Layer):
    """A cell that does what LiteRT cannot."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.state_size = self.output_size = self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, inputs, states, training=None):
        h = tf.math.digamma(1 + ops.abs(ops.matmul(inputs, self.kernel) + states[0]))
        return h, [h]


def test_an_operation_that_there_is_not_is_named(tmp_path):
    model = tfseq.LanguageModel(9, cell=DigammaCell, units=4)
    with pytest.raises(tfseq.InputError, match=r"^LiteRT cannot run this model.*: Digamma\.$"):
        litert_files(model, tmp_path / "saved")
