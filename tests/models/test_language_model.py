"""The language model against NumPy, and every way of running it against every other."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells.numpy_equations import gru_reset_after, lstm, simple_rnn

import tfseq
from tfseq.cells import GRUCell
from tfseq.models import LanguageModel

V, B, T = 11, 3, 5
EQUATIONS = {"rnn": simple_rnn, "gru": gru_reset_after, "lstm": lstm}
NUM_STATES = {"rnn": 1, "gru": 1, "lstm": 2}
each_cell = pytest.mark.parametrize("cell", EQUATIONS)


def make_model(cell="gru", units=5, num_layers=2, **options):
    """A model whose weights, biases too, are all drawn at large."""
    model = LanguageModel(V, cell=cell, units=units, num_layers=num_layers, **options)
    rng = np.random.default_rng(3)
    for weight in model.weights:
        if weight.dtype.startswith(("float", "bfloat")):
            weight.assign(rng.normal(scale=0.7, size=weight.shape))
    return model


def draw_ids(seed=0, shape=(B, T)):
    return np.random.default_rng(seed).integers(0, V, shape).astype("int32")


def draw_states(model, seed=5):
    rng = np.random.default_rng(seed)
    return tf.nest.map_structure(
        lambda s: rng.normal(scale=0.5, size=s.shape).astype("float32"), model.initial_states(B)
    )


def close(actual, expected, tolerance=1e-5):
    for a, e in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(e), rtol=tolerance, atol=tolerance)


def numpy_model(model, ids, states, mask=None):
    """Logits and states, in float64, one step and one layer after another."""
    kernels = [[np.asarray(w) for w in rnn.cell.get_weights()] for rnn in model.stack.rnns]
    states = [[np.asarray(s, "float64") for s in tf.nest.flatten([entry])] for entry in states]
    if model.embedding_size is None:
        table = np.eye(V)
    else:
        table = model.embedding.embeddings.numpy().astype("float64")
    W_hq = table.T if model.tie_embeddings else model.output_kernel.numpy().astype("float64")
    b_q = model.output_bias.numpy().astype("float64")
    logits = np.zeros([*ids.shape, V])
    for t in range(ids.shape[1]):
        X = table[ids[:, t]]
        for layer, (kernel, before) in enumerate(zip(kernels, list(states), strict=True)):
            H, after = EQUATIONS[model.cell](X, before, kernel)
            if mask is not None:
                keep = mask[:, t, None]
                H = np.where(keep, H, 0)
                after = [np.where(keep, a, b) for a, b in zip(after, before, strict=True)]
            states[layer], X = after, H
        logits[:, t] = X @ W_hq + b_q
    return logits, states


@each_cell
@pytest.mark.parametrize(
    "options",
    [{}, {"embedding_size": 4}, {"embedding_size": 5, "tie_embeddings": True}],
    ids=["one-hot", "embedding", "tied"],
)
def test_the_equations(cell, options):
    model = make_model(cell, num_layers=1 if options == {"embedding_size": 4} else 3, **options)
    ids, states = draw_ids(), draw_states(model)
    expected, expected_states = numpy_model(model, ids, states)

    logits, final = model(ids, states=states, return_states=True)

    assert logits.shape == (B, T, V)
    close(logits, expected)
    close(final, expected_states)
    # Without states it starts from zeros; `hidden` and `logits` are its two halves.
    zeros = model.initial_states(B)
    assert all((np.asarray(s) == 0).all() for s in tf.nest.flatten(zeros))
    expected, expected_states = numpy_model(model, ids, zeros)
    close(model(ids), expected)
    hidden, final = model.hidden(ids)
    assert hidden.shape == (B, T, model.hidden_size)
    close(final, expected_states)
    close(model.logits(hidden), expected)
    close(model.logits(hidden[:, 2]), expected[:, 2])


def test_states_have_the_promised_form():
    model = make_model("lstm")
    _, states = model(draw_ids(), return_states=True)
    assert isinstance(states, list)
    assert [len(pair) for pair in states] == [2, 2]
    assert [s.shape for s in tf.nest.flatten(states)] == [(B, 5)] * 4
    _, states = make_model("gru")(draw_ids(), return_states=True)
    assert [s.shape for s in states] == [(B, 5)] * 2


@each_cell
def test_one_hot_is_the_embedding_by_the_unit_matrix(cell):
    one_hot = make_model(cell)
    embedded = LanguageModel(V, cell=cell, units=5, num_layers=2, embedding_size=V)
    embedded.embedding.set_weights([np.eye(V)])
    embedded.stack.set_weights(one_hot.stack.get_weights())
    embedded.output_kernel.assign(one_hot.output_kernel)
    embedded.output_bias.assign(one_hot.output_bias)
    ids = draw_ids()
    close(embedded(ids, return_states=True), one_hot(ids, return_states=True), 1e-6)


@each_cell
def test_step_by_step_equals_a_call_over_time(cell):
    model = make_model(cell, dropout=0.4)  # A single step never drops anything.
    ids, states = draw_ids(), draw_states(model)
    expected = model(ids, states=states, return_states=True)
    steps = []
    for t in range(T):
        logits, states = model.step(ids[:, t], states)
        steps.append(logits)
    close((tf.stack(steps, axis=1), states), expected)


@each_cell
def test_states_carried_over_two_calls_equal_one_call(cell):
    model = make_model(cell)
    ids, states = draw_ids(), draw_states(model)
    expected, final = model(ids, states=states, return_states=True)
    first, between = model(ids[:, :2], states=states, return_states=True)
    second, after = model(ids[:, 2:], states=between, return_states=True)
    close(tf.concat([first, second], axis=1), expected)
    close(after, final)


@each_cell
def test_eager_and_traced_agree(cell):
    model = make_model(cell)
    ids, states = draw_ids(), draw_states(model)
    traced = tf.function(
        lambda ids, states: model(ids, states=states, return_states=True),
        input_signature=[
            tf.TensorSpec([None, None], tf.int32),
            tf.nest.map_structure(lambda s: tf.TensorSpec([None, 5]), states),
        ],
    )
    close(traced(ids, states), model(ids, states=states, return_states=True), 1e-6)
    empty, same = traced(ids[:, :0], states)
    assert empty.shape == (B, 0, V)
    close(same, states, 0)


@each_cell
def test_no_token_sees_the_future(cell):
    model = make_model(cell)
    ids = draw_ids()
    changed = ids.copy()
    changed[:, 3:] = (changed[:, 3:] + 1) % V
    before, after = np.asarray(model(ids)), np.asarray(model(changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).all()


@each_cell
def test_mask_keeps_the_state(cell):
    model = make_model(cell)
    ids, states = draw_ids(), draw_states(model)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 1, 0, 1]], bool)
    logits, final = model(ids, states=states, mask=mask, return_states=True)
    expected, expected_states = numpy_model(model, ids, states, mask)
    close(np.asarray(logits)[mask], expected[mask])
    close(final, expected_states)
    # A right-padded row ends as it would have without the padding.
    row = tf.nest.map_structure(lambda s: s[1:2], states)
    alone = model(ids[1:2, :2], states=row, return_states=True)[1]
    close(tf.nest.map_structure(lambda s: s[1:2], final), alone)


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


def test_tied_embeddings_are_one_variable_with_both_gradients():
    model = make_model(embedding_size=5, tie_embeddings=True)
    assert sorted(w.name for w in model.weights).count("embeddings") == 1
    assert not any(w.name == "output_kernel" for w in model.weights)
    table = model.embedding.embeddings
    ids = np.full([B, T], 2, "int32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(ids) ** 2)
    gradient = np.asarray(tf.convert_to_tensor(tape.gradient(loss, table.value)))
    # Rows that are never read still have the output layer's gradient.
    assert (np.abs(gradient).sum(axis=1) > 0).all()
    # Row 2 has more than that: it was read, too.
    with tf.GradientTape() as tape:
        hidden = tf.stop_gradient(model.hidden(ids)[0])
        loss = tf.reduce_sum(model.logits(hidden) ** 2)
    as_output = np.asarray(tf.convert_to_tensor(tape.gradient(loss, table.value)))
    close(gradient[:2], as_output[:2], 1e-4)
    assert np.abs(gradient[2] - as_output[2]).max() > 1e-2


def test_number_of_parameters():
    # A GRU with both biases, 3 (V H + H² + 2 H), and the output layer H V + V.
    assert LanguageModel(28, units=256).count_params() == (
        3 * (28 * 256 + 256**2 + 2 * 256) + 256 * 28 + 28
    )
    assert LanguageModel(
        28, "lstm", 7, 2, embedding_size=7, tie_embeddings=True
    ).count_params() == (28 * 7 + 2 * 4 * (7 * 7 + 7 * 7 + 7) + 28)


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "rnn", "num_layers": 1},
        {"cell": "gru", "dropout": 0.3},
        {"cell": "lstm", "embedding_size": 5, "tie_embeddings": True},
    ],
    ids=lambda options: options["cell"],
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
        ({"dropout": 1.7}, r"`dropout` must be a number in \[0, 1\). Received: dropout=1.7"),
        ({"cell": "gruu"}, "`cell` must be 'rnn', 'gru', 'lstm' or a function .*'gruu'"),
        ({"tie_embeddings": True}, "`embedding_size` equal to `units`. Received: .*None, units=4"),
        (
            {"tie_embeddings": True, "embedding_size": 3},
            "`embedding_size` equal to `units`. Received: embedding_size=3, units=4",
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
