"""The decoding loop against the definition: one full forward pass for every token."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.generation import SamplerSettings, gumbel_noise, sample
from tfseq.generation import decoding as decoding_module
from tfseq.generation import reading as reading_module
from tfseq.generation import row_groups as row_groups_module
from tfseq.generation.constraints import Constraints
from tfseq.generation.decoding import generate_ids
from tfseq.generation.reading import read_prompt

SYMBOLS = 11
CELLS = [(cell, layers) for cell in ("rnn", "gru", "lstm") for layers in (1, 2)]
SPECS = [
    tf.TensorSpec([None, None], tf.int32),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None], tf.float32),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None], tf.float32),
    tf.TensorSpec([None], tf.int64),
]


def read_and_generate(model, ids, lengths, max_new_tokens, *settings, **options):
    """The new ids and their log probability."""
    end = read_prompt(model, ids, lengths)
    settings = SamplerSettings(*settings)
    new_ids, num_tokens, log_probability = generate_ids(
        model, *end, max_new_tokens, settings, **options
    )
    with tf.control_dependencies([tf.debugging.assert_equal(num_tokens, max_new_tokens)]):
        return tf.identity(new_ids), log_probability


def padded(prompts):
    width = max(map(len, prompts), default=0)
    ids = np.zeros((len(prompts), width), "int32")
    for row, prompt in zip(ids, prompts, strict=True):
        row[: len(prompt)] = prompt
    return ids, np.array([len(p) for p in prompts], "int32")


def next_token_function(model):
    """Tokens -> logits after them, from a whole pass; from the zero state if there are none."""
    whole_pass = tf.function(model.__call__, autograph=False)
    spec = tf.TensorSpec([None, None], tf.int32)
    whole_pass = whole_pass.get_concrete_function(spec)

    def next_logits(tokens):
        if not tokens:
            return model.logits(tf.zeros([1, model.hidden_size])).numpy()[0]
        return whole_pass(tf.constant([tokens])).numpy()[0, -1]

    return next_logits


def decode_by_definition(next_logits, prompt, count, temperature, top_k, top_p, seed):
    tokens, log_probability = list(prompt), 0.0
    noise = gumbel_noise(tf.constant([seed], tf.int64), 0, int(count), SYMBOLS)
    for step_noise in tf.unstack(noise, axis=1):
        logits = next_logits(tokens)
        allowed = np.where(np.arange(SYMBOLS) == 0, -np.inf, logits)
        settings = SamplerSettings([temperature], [top_k], [top_p])
        token = sample(allowed[np.newaxis], step_noise, settings).numpy()[0]
        log_probability += tf.nn.log_softmax(logits).numpy()[token]
        tokens.append(int(token))
    return tokens[len(prompt) :], log_probability


@pytest.fixture(scope="module")
def compiled(make_model):
    """`compiled(cell, layers)` -> the model and its decoding graph, traced once."""
    cache = {}

    def get(cell, layers):
        if (cell, layers) not in cache:
            model = make_model(SYMBOLS, cell, layers)
            function = tf.function(
                lambda *inputs: read_and_generate(model, *inputs),
                input_signature=SPECS,
                autograph=False,
            )
            cache[cell, layers] = model, function
        return cache[cell, layers]

    return get


@pytest.fixture(scope="module", autouse=True)
def short_blocks():
    """Few tokens span several blocks, of two turns of two steps; few rows make two groups."""
    short = {
        (reading_module, "_BLOCK_STEPS"): 4,
        (decoding_module, "_STEPS_A_TURN"): 2,
        (decoding_module, "_BLOCK_NOISE"): 4 * SYMBOLS,
        (row_groups_module, "_FEWEST_ROWS"): 3,
    }
    with pytest.MonkeyPatch.context() as patch:
        for (module, name), value in short.items():
            patch.setattr(module, name, value)
        yield


@pytest.mark.everyday(1)
@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize(("cell", "layers"), CELLS)
def test_equals_a_full_pass_for_every_token(compiled, cell, layers, filtered):
    """Without top-k and top-p there is another loop, of several steps a turn."""
    model, function = compiled(cell, layers)
    rng = np.random.default_rng(0)
    prompts = [rng.integers(0, SYMBOLS, n).tolist() for n in (0, 1, 4, 5, 13, 8)]
    counts = np.int32([7, 0, 9, 3, 5, 9])
    temperature = np.float32([0, 1, 0.5, 2, 1, 1])
    top_k = np.int32([0, 0, 3, 0, 1, 0])
    top_p = np.float32([1, 1, 1, 0.8, 1, 1])
    if not filtered:
        top_k, top_p = np.zeros_like(top_k), np.ones_like(top_p)
    seed = np.int64([1, 2, 3, -4, 2**62, 6])
    new_ids, log_probability = function(*padded(prompts), counts, temperature, top_k, top_p, seed)
    assert new_ids.shape == (6, 9)
    next_logits = next_token_function(model)
    for r, prompt in enumerate(prompts):
        expected, expected_log_probability = decode_by_definition(
            next_logits, prompt, counts[r], temperature[r], top_k[r], top_p[r], seed[r]
        )
        assert new_ids[r, : counts[r]].numpy().tolist() == expected
        assert not new_ids[r, counts[r] :].numpy().any()
        np.testing.assert_allclose(log_probability[r], expected_log_probability, atol=1e-4)


@pytest.mark.everyday(2)
@pytest.mark.parametrize(("cell", "layers"), CELLS)
def test_the_state_is_the_one_after_the_last_real_token(compiled, cell, layers):
    model, _ = compiled(cell, layers)
    prompts = [[3, 1, 4, 1, 5, 9, 2, 6, 5], [], [2], [7, 1, 8, 2]]
    hidden, states = read_prompt(model, *map(tf.constant, padded(prompts)))
    logits = model.logits(hidden)
    next_logits = next_token_function(model)
    for r, prompt in enumerate(prompts):
        np.testing.assert_allclose(logits[r], next_logits(prompt), atol=1e-5)
        expected = model.initial_states(1)
        if prompt:
            _, expected = model(np.int32([prompt]), return_states=True)
        for state, other in zip(tf.nest.flatten(states), tf.nest.flatten(expected), strict=True):
            np.testing.assert_allclose(state[r], other[0], atol=1e-5)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=40)
def test_a_row_alone_and_in_a_batch_gives_the_same_tokens(compiled, data):
    _, function = compiled("lstm", 2)
    row = st.tuples(
        st.lists(st.integers(0, SYMBOLS - 1), max_size=12),
        st.integers(0, 15),
        st.sampled_from([0.0, 0.7, 1.0, 5.0]),
        st.integers(0, SYMBOLS),
        st.sampled_from([0.0, 0.5, 0.9, 1.0]),
        st.integers(-(2**63), 2**63 - 1),
    )
    rows = data.draw(st.lists(row, min_size=2, max_size=8))

    def run(rows):
        prompts, *columns = zip(*rows, strict=True)
        columns = [
            np.array(column, spec.dtype.as_numpy_dtype)
            for column, spec in zip(columns, SPECS[2:], strict=True)
        ]
        return [output.numpy() for output in function(*padded(prompts), *columns)]

    together, log_probability = run(rows)
    for r, one in enumerate(rows):
        alone, alone_log_probability = run([one])
        np.testing.assert_array_equal(together[r, : one[1]], alone[0])
        np.testing.assert_allclose(log_probability[r], alone_log_probability[0], atol=1e-4)


def test_nothing_to_do(compiled):
    _, function = compiled("gru", 1)
    ones = np.ones(2, "float32")
    zeros = np.zeros(2, "int32")
    seed = np.zeros(2, "int64")
    new_ids, log_probability = function(*padded([[1], []]), zeros, ones, zeros, ones, seed)
    assert new_ids.shape == (2, 0)
    assert log_probability.numpy().tolist() == [0, 0]
    inputs = [*padded([[]]), zeros, ones, zeros, ones, seed]
    new_ids, log_probability = function(*[i[:0] for i in inputs])
    assert new_ids.shape[0] == 0
    assert log_probability.shape == (0,)


@pytest.mark.slow
def test_unknown_is_produced_only_when_asked(make_model):
    model = make_model(SYMBOLS)
    model.output_bias.assign(model.output_bias + 50.0 * tf.one_hot(0, SYMBOLS))
    inputs = [
        *padded([[1, 2], []]),
        np.int32([20, 20]),
        np.float32([0, 1]),
        np.int32([0, 0]),
        np.float32([1, 1]),
        np.int64([0, 0]),
    ]
    inputs = [tf.constant(i) for i in inputs]
    new_ids, log_probability = read_and_generate(model, *inputs)
    assert np.all(new_ids.numpy() > 0)
    assert np.all(log_probability.numpy() < -20 * 20)
    new_ids, _ = read_and_generate(model, *inputs, constraints=Constraints(allow_unknown=True))
    assert not new_ids.numpy().any()


def test_half_precision_models_decode(make_model):
    model = make_model(SYMBOLS, dtype="mixed_bfloat16")
    new_ids, log_probability = read_and_generate(
        model,
        *map(tf.constant, padded([[1, 2, 3, 4, 5], []])),
        tf.constant([4, 4]),
        tf.ones([2]),
        tf.zeros([2], tf.int32),
        tf.ones([2]),
        tf.zeros([2], tf.int64),
    )
    assert new_ids.shape == (2, 4)
    assert log_probability.dtype == tf.float32
    assert np.all(np.isfinite(log_probability))
