"""The language model against NumPy, and every way of running it against every other."""

import numpy as np
import pytest
import tensorflow as tf

from models.small_model import (
    EQUATIONS,
    B,
    T,
    V,
    close,
    draw_ids,
    draw_states,
    each_cell,
    make_model,
)
from tfseq.models import LanguageModel


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
