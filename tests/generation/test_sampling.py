"""`sample` against a NumPy sampler written the long way, and its own rules."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.generation.random_numbers import uniform_draws
from tfseq.generation.sampling import sample


def reference_sample(logits, u, temperature, top_k, top_p):
    """One row, symbol by symbol, in the order the definition gives."""
    if temperature == 0:
        return int(np.argmax(logits))
    p = np.exp((logits - logits.max()) / temperature)
    order = sorted(range(len(p)), key=lambda v: (-p[v], v))
    if top_k > 0:
        order = order[:top_k]
    if top_p < 1:
        total = sum(p[v] for v in order)
        kept, mass = [], 0.0
        for v in order:
            if kept and mass >= np.float64(top_p) * total:
                break
            kept.append(v)
            mass += p[v]
        order = kept
    allowed = sorted(order)
    target = u * np.cumsum([p[v] for v in allowed])[-1]
    mass = 0.0
    for v in allowed:
        mass += p[v]
        if mass > target:
            return v
    return allowed[-1]


def run(logits, uniforms, temperature, top_k, top_p):
    return sample(
        tf.constant(logits, tf.float32),
        tf.constant(uniforms, tf.float64),
        tf.constant(temperature, tf.float32),
        tf.constant(top_k, tf.int32),
        tf.constant(top_p, tf.float32),
    ).numpy()


@pytest.mark.parametrize("num_symbols", [2, 28, 500])
def test_equals_the_reference_row_by_row(num_symbols):
    rng = np.random.default_rng(num_symbols)
    rows = 200
    logits = rng.normal(scale=3, size=(rows, num_symbols)).astype("float32")
    uniforms = rng.random(rows)
    temperature = rng.choice(np.float32([0, 0.3, 1, 2]), rows)
    top_k = rng.choice([0, 1, 3, 20, 10**6], rows)
    top_p = rng.choice(np.float32([0, 0.1, 0.9, 1]), rows)
    drawn = run(logits, uniforms, temperature, top_k, top_p)
    expected = [
        reference_sample(
            logits[r].astype("float64"),
            uniforms[r],
            np.float64(temperature[r]),
            top_k[r],
            np.float64(top_p[r]),
        )
        for r in range(rows)
    ]
    np.testing.assert_array_equal(drawn, expected)


def test_frequencies_are_the_tempered_softmax():
    logits = np.float32([1.0, 0.0, -1.0, 2.0])
    draws = 40_000
    uniforms = (np.arange(draws) + 0.5) / draws
    drawn = run(np.tile(logits, (draws, 1)), uniforms, [0.7] * draws, [0] * draws, [1.0] * draws)
    expected = np.exp(logits / 0.7) / np.exp(logits / 0.7).sum()
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / draws, expected, atol=1e-4)


@given(st.data())
@settings(max_examples=60)
def test_a_row_does_not_depend_on_its_neighbours(data):
    rows = data.draw(st.integers(1, 6))
    num_symbols = data.draw(st.integers(1, 9))
    # Whole numbers make ties common.
    number = st.integers(-3, 3).map(float)
    logits = np.float32(
        data.draw(
            st.lists(
                st.lists(number, min_size=num_symbols, max_size=num_symbols),
                min_size=rows,
                max_size=rows,
            )
        )
    )
    column = {
        "uniforms": st.floats(0, 1, exclude_max=True),
        "temperature": st.sampled_from([0.0, 1e-30, 0.5, 1.0, 100.0]),
        "top_k": st.integers(0, 12),
        "top_p": st.sampled_from([0.0, 0.2, 0.5, 0.99, 1.0]),
    }
    columns = {
        name: data.draw(st.lists(values, min_size=rows, max_size=rows))
        for name, values in column.items()
    }
    together = run(logits, **columns)
    alone = [
        run(logits[r : r + 1], **{name: [values[r]] for name, values in columns.items()})[0]
        for r in range(rows)
    ]
    np.testing.assert_array_equal(together, alone)
    for r in range(rows):
        k = columns["top_k"][r] or num_symbols
        better = np.sum(logits[r] > logits[r][together[r]])
        assert better < k


@pytest.mark.parametrize("u", [0.0, 0.5, 1 - 2**-52])
@pytest.mark.parametrize("top_k", [0, 2, 5])
@pytest.mark.parametrize("forbidden", [0, 2, 4])
def test_a_forbidden_symbol_is_never_drawn(u, top_k, forbidden):
    logits = np.zeros((1, 5), "float32")
    logits[0, forbidden] = -np.inf
    for temperature in (0.0, 1e-38, 1.0, 100.0):
        for top_p in (0.0, 0.5, 1.0):
            assert run(logits, [u], [temperature], [top_k], [top_p])[0] != forbidden


def test_logits_that_are_no_numbers_still_give_an_id():
    logits = np.float32([[np.nan] * 3, [np.inf, 0, 0], [-np.inf] * 3])
    for top_k in (0, 2):
        drawn = run(logits, [0.9] * 3, [1.0] * 3, [top_k] * 3, [1.0] * 3)
        assert np.all((drawn >= 0) & (drawn < 3))


def test_uniform_draws_are_uniform_and_belong_to_their_seed():
    seeds = tf.constant([-(2**63), -1, 0, 1, 2**63 - 1], tf.int64)
    draws = uniform_draws(seeds, 1000).numpy()
    assert draws.shape == (1000, 5)
    assert draws.min() >= 0
    assert draws.max() < 1
    np.testing.assert_allclose(draws.mean(axis=0), 0.5, atol=0.04)
    np.testing.assert_allclose(draws.var(axis=0), 1 / 12, atol=0.01)
    correlation = np.corrcoef(draws.T) - np.eye(5)
    assert np.abs(correlation).max() < 0.12
    assert len(np.unique(draws)) == draws.size
    alone = uniform_draws(seeds[3:4], 300).numpy()
    np.testing.assert_array_equal(alone[:, 0], draws[:300, 3])
    assert uniform_draws(seeds, 0).shape == (0, 5)
    assert uniform_draws(seeds[:0], 3).shape == (3, 0)
