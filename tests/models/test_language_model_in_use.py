"""Dropout, saving, number formats and wrong arguments of the language model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfseq
from models.small_model import (
    B,
    T,
    V,
    close,
    draw_ids,
    each_cell,
    make_model,
)
from tfseq.cells import GRUCell
from tfseq.models import LanguageModel


def test_dropout_acts_in_training_only():
    model = make_model(dropout=0.5)
    plain = make_model(dropout=0.0)
    ids = draw_ids()
    np.testing.assert_array_equal(model(ids), plain(ids))
    np.testing.assert_array_equal(model(ids, training=False), plain(ids))
    first, second = model(ids, training=True), model(ids, training=True)
    assert (np.asarray(first) != np.asarray(second)).any()
    np.testing.assert_array_equal(plain(ids, training=True), plain(ids))


def test_dropout_before_the_output_layer_drops_its_share():
    model = make_model(units=100, dropout=0.25)
    hidden, (_, last) = model.hidden(draw_ids(shape=(40, T)), training=True)
    at_the_end, last = np.asarray(hidden[:, -1]), np.asarray(last)
    kept = at_the_end != 0
    assert 0.72 < kept.mean() < 0.78  # 4000 draws: 0.75 ± 0.007
    close(at_the_end[kept], last[kept] / 0.75)


def test_dropout_of_the_input_never_touches_the_state():
    """After two steps, each of which may have lost its input, there are four states to be in."""
    model = make_model("rnn", num_layers=1, dropout=0.5)
    kernel, recurrent, bias = model.stack.rnns[0].cell.get_weights()
    ways = [
        np.tanh(b * kernel[7] + bias + np.tanh(a * kernel[4] + bias) @ recurrent)
        for a in (0, 1 / 0.5)
        for b in (0, 1 / 0.5)
    ]
    _, (states,) = model.hidden(np.tile(np.array([[4, 7]], "int32"), [200, 1]), training=True)
    distance = np.abs(np.asarray(states)[:, None] - np.stack(ways)).max(axis=-1)
    assert distance.min(axis=1).max() < 1e-5
    assert np.bincount(distance.argmin(axis=1), minlength=4).min() > 20  # 50 ± 6 each


def test_dropout_between_layers_reaches_the_second_layer():
    model = make_model(dropout=0.5, num_layers=2)
    model.input_dropout.rate = 0.0
    ids = draw_ids()
    _, (first, second) = model.hidden(ids)
    _, (first_in_training, second_in_training) = model.hidden(ids, training=True)
    close(first_in_training, first, 0)
    assert (np.asarray(second_in_training) != np.asarray(second)).any()


def test_number_of_parameters():
    # A GRU with both biases, 3 (V H + H² + 2 H), and the output layer H V + V.
    assert LanguageModel(28, units=256).count_params() == (
        3 * (28 * 256 + 256**2 + 2 * 256) + 256 * 28 + 28
    )
    assert LanguageModel(
        28, "lstm", (9, 7), embedding_size=7, tie_embeddings=True
    ).count_params() == (28 * 7 + 4 * 9 * (7 + 9 + 1) + 4 * 7 * (9 + 7 + 1) + 28)
    assert LanguageModel(
        28, "lstm", 7, 2, embedding_size=7, tie_embeddings=True
    ).count_params() == (28 * 7 + 2 * 4 * (7 * 7 + 7 * 7 + 7) + 28)


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "rnn", "num_layers": 1},
        {"cell": "gru", "dropout": 0.3},
        {"cell": "lstm", "embedding_size": 5, "tie_embeddings": True},
        {"cell": "lstm", "units": (6, 5), "embedding_size": 5, "tie_embeddings": True},
    ],
    ids=lambda options: f"{options['cell']}-{len(options)}",
)
def test_round_trips(options, tmp_path):
    model = make_model(**options)
    ids = draw_ids()
    expected = np.asarray(model(ids))

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is LanguageModel
    np.testing.assert_array_equal(loaded(ids), expected)

    model.save_weights(tmp_path / "model.weights.h5")
    fresh = LanguageModel.from_config(model.get_config())
    assert (np.asarray(fresh(ids)) != expected).any()
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(fresh(ids), expected)
    assert fresh.get_config() == model.get_config()
    assert options.items() <= model.get_config().items()


@keras.saving.register_keras_serializable(package="tests")
def textbook_gru(units):
    return GRUCell(units, reset_after=False)


def test_a_function_as_cell(tmp_path):
    model = make_model(textbook_gru)
    assert not model.stack.rnns[1].cell.reset_after
    ids = draw_ids()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.cell is textbook_gru
    np.testing.assert_array_equal(loaded(ids), model(ids))


@each_cell
def test_mixed_bfloat16(cell, tmp_path):
    exact = make_model(cell, embedding_size=5)
    half = LanguageModel(
        V, cell=cell, units=5, num_layers=2, embedding_size=5, dtype="mixed_bfloat16"
    )
    half.set_weights(exact.get_weights())
    assert {w.dtype for w in half.weights} == {"float32"}
    ids = draw_ids()
    logits, states = half(ids, return_states=True)
    assert {t.dtype for t in tf.nest.flatten((logits, states))} == {tf.bfloat16}
    assert {t.dtype for t in tf.nest.flatten(half.initial_states(B))} == {tf.bfloat16}
    # bfloat16 has 8 bits: a relative 2**-8 a step, a few steps long.
    error = np.abs(np.asarray(logits, "float32") - np.asarray(exact(ids)))
    assert 0 < error.max() < 0.15
    stepped = half.step(ids[:, 0], half.initial_states(B))[0]
    close(np.asarray(stepped, "float32"), np.asarray(logits[:, 0], "float32"), 0.05)
    half.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_array_equal(np.asarray(loaded(ids)), np.asarray(logits))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary_size": 0}, "`vocabulary_size` must be a positive integer. Received: "),
        ({"vocabulary_size": 2.5}, "`vocabulary_size` must be a positive integer. Received: "),
        ({"vocabulary_size": True}, "`vocabulary_size` must be a positive integer. Received: "),
        ({"units": -3}, "`units` must be a positive integer. Received: "),
        ({"num_layers": 0}, "`num_layers` must be a positive integer. Received: "),
        ({"embedding_size": 0}, "`embedding_size` must be a positive integer. Received: "),
        (
            {"dropout": 1.7},
            r"`dropout` must be at least 0 and less than 1\. Received: dropout=1\.7",
        ),
        ({"cell": "gruu"}, "`cell` must be one of rnn, .*, or module:Name. .*'gruu'"),
        (
            {"tie_embeddings": True},
            "`embedding_size` equal to `units`, .*Received: .*None, units=4",
        ),
        (
            {"tie_embeddings": True, "embedding_size": 3},
            "equal to `units`, .*Received: embedding_size=3, units=4",
        ),
        ({"bidirectional": True}, "`bidirectional` must be False: .* sees the future"),
    ],
    ids=str,
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        LanguageModel(**{"vocabulary_size": V, "units": 4, **options})


def test_sizes_may_be_numpy_integers():
    model = LanguageModel(np.int64(V), units=np.int32(4), embedding_size=np.int64(4))
    assert model(draw_ids()).shape == (B, T, V)


def test_states_that_do_not_fit():
    model = make_model("gru")
    with pytest.raises(ValueError, match="must be a list of 2 entries"):
        model(draw_ids(), states=[np.zeros([B, 5], "float32")])
    with pytest.raises(ValueError, match="Each of `initial_state` must have the shape"):
        model(draw_ids(), states=[np.zeros([B, 4], "float32")] * 2)


def test_public_name():
    assert tfseq.LanguageModel is LanguageModel


@keras.saving.register_keras_serializable("tests")
class DoubledCell(tfseq.SimpleRNNCell):
    """Puts out its state twice over."""

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.output_size = 2 * units

    def call(self, inputs, states, training=None):
        output, states = super().call(inputs, states, training=training)
        return keras.ops.concatenate([output, output], axis=-1), states


def test_a_cell_whose_output_is_wider_than_its_state():
    model = tfseq.LanguageModel(5, cell=DoubledCell, units=3)
    assert model.hidden_size == 6
    assert model(np.zeros([2, 4], "int32")).shape == (2, 4, 5)
    with pytest.raises(ValueError, match="Received: output size 6, embedding_size=3"):
        tfseq.LanguageModel(5, cell=DoubledCell, units=3, embedding_size=3, tie_embeddings=True)


def test_ids_of_another_rank_are_named():
    with pytest.raises(ValueError, match=r"`ids` must have the shape \[B, T\]"):
        tfseq.LanguageModel(5, units=3)(np.zeros([4], "int32"))


def test_one_hot_inputs_give_projections_of_the_variance_that_glorot_presumes():
    kernel = tfseq.LanguageModel(50, cell="lstm", units=100).stack.rnns[0].cell.kernel.numpy()
    # Glorot: Var(w) = 2 / (fan_in + fan_out); x W has fan_in terms of unit variance.
    assert np.var(kernel) == pytest.approx(50 * 2 / (50 + 400), rel=0.05)
