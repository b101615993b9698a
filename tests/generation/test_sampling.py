"""`sample` against a NumPy sampler written the long way, and its own rules."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.generation import SamplerSettings, gumbel_noise, sample


def reference_sample(logits, noise, temperature, top_k, top_p):
    """One row, symbol by symbol, in the order the definition gives."""
    if temperature == 0:
        return int(np.argmax(logits))
    p = np.exp((logits - logits.max()) / temperature)
    order = sorted(range(len(p)), key=lambda v: (-logits[v], v))
    if top_k > 0:
        order = order[: int(top_k)]
    if top_p < 1:
        total = sum(p[v] for v in order)
        kept, mass = [], 0.0
        for v in order:
            if kept and mass >= np.float64(top_p) * total:
                break
            kept.append(v)
            mass += p[v]
        order = kept
    return max(sorted(order), key=lambda v: logits[v] / temperature + noise[v])


def run(logits, noise, temperature, top_k, top_p):
    return sample(
        tf.constant(logits, tf.float32),
        tf.constant(noise, tf.float32),
        SamplerSettings(
            tf.constant(temperature, tf.float32),
            tf.constant(top_k, tf.int32),
            tf.constant(top_p, tf.float32),
        ),
    ).numpy()


@pytest.mark.parametrize("num_symbols", [2, 28, 500])
def test_equals_the_reference_row_by_row(num_symbols):
    rng = np.random.default_rng(num_symbols)
    rows = 200
    logits = rng.normal(scale=3, size=(rows, num_symbols)).astype("float32")
    noise = rng.gumbel(size=logits.shape).astype("float32")
    temperature = rng.choice(np.float32([0, 0.3, 1, 2]), rows)
    top_k = rng.choice([0, 1, 3, 20, 10**6], rows)
    top_p = rng.choice(np.float32([0, 0.1, 0.9, 1]), rows)
    drawn = run(logits, noise, temperature, top_k, top_p)
    expected = [
        reference_sample(
            logits[r].astype("float64"),
            noise[r].astype("float64"),
            np.float64(temperature[r]),
            top_k[r],
            np.float64(top_p[r]),
        )
        for r in range(rows)
    ]
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize(("top_k", "top_p"), [(0, 1.0), (3, 1.0), (0, 0.6)])
def test_frequencies_are_the_tempered_softmax(top_k, top_p):
    logits = np.float32([1.0, 0.0, -1.0, 2.0])
    draws = 50_000
    noise = gumbel_noise(tf.constant([3], tf.int64), 0, draws, 4)[0]
    columns = [0.7] * draws, [top_k] * draws, [top_p] * draws
    drawn = run(np.tile(logits, (draws, 1)), noise, *columns)
    expected = np.exp(logits / 0.7)
    expected[2] *= top_k == 0 and top_p == 1
    # The most probable symbol alone has more than 0.6.
    expected *= [top_p == 1, top_p == 1, 1, 1]
    expected /= expected.sum()
    # Four standard deviations of a frequency.
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / draws, expected, atol=0.009)


@pytest.mark.parametrize("place", range(5))
def test_equal_logits_are_equal_symbols_wherever_the_row_stands(place):
    """The nucleus is the best symbol and the first of the two next best, though it is full of ties.

    e² + e is half of e² + 2e + 4, and e² alone is not.
    """
    logits = np.float32([0, 0, 0, 1, 2, 0, 1])
    noise = np.float32([0, 0, 0, 0, 0, 0, 2])
    assert run([logits], [noise], [1.0], [0], [0.5]) == [4]
    # In the third of five rows symbols 3 and 6 stand in different kinds of vector instructions.
    rows = np.random.default_rng(0).normal(size=(2, 5, 7)).astype("float32")
    rows[:, place] = logits, noise
    assert run(*rows, [1.0] * 5, [0] * 5, [0.5] * 5)[place] == 4
    # Were symbol 3 not in the nucleus, or 6 in it, this noise would show it.
    rows[1, place, 3] = 1.5
    assert run(*rows, [1.0] * 5, [0] * 5, [0.5] * 5)[place] == 3


@pytest.mark.everyday(5)
@pytest.mark.parametrize("num_symbols", [1, 2, 3, 5, 7, 8, 9, 16, 17, 31, 40])
def test_rows_of_many_equal_logits_alone_in_batches_and_by_the_reference(num_symbols):
    """2,750 batches of one to six rows, half of whose logits and more are equal."""
    rng = np.random.default_rng(num_symbols)
    sizes = rng.integers(1, 7, 250)
    ends = np.cumsum(sizes)
    rows = ends[-1]
    logits = rng.integers(-3, 4, (rows, num_symbols)) * rng.choice(np.float32([1, 0.3]), (rows, 1))
    noise = rng.gumbel(size=logits.shape) * rng.choice([0, 1, 3], (rows, 1))
    columns = [
        tf.constant(logits, tf.float32),
        tf.constant(noise, tf.float32),
        tf.constant(rng.choice([0, 1e-30, 0.5, 1, 100], rows), tf.float32),
        tf.constant(rng.integers(0, 12, rows), tf.int32),
        tf.constant(rng.choice([0, 0.2, 0.5, 0.99, 1], rows), tf.float32),
    ]

    @tf.function(autograph=False)
    def in_batches(starts, ends):
        def batch(place):
            logits, noise, *settings = [column[place[0] : place[1]] for column in columns]
            return sample(logits, noise, SamplerSettings(*settings))

        spec = tf.RaggedTensorSpec([None], tf.int32, 0)
        return tf.map_fn(batch, tf.stack([starts, ends], 1), fn_output_signature=spec).flat_values

    together = sample(*columns[:2], SamplerSettings(*columns[2:])).numpy()
    np.testing.assert_array_equal(in_batches(ends - sizes, ends), together)
    np.testing.assert_array_equal(in_batches(np.arange(rows), np.arange(rows) + 1), together)
    columns = [column.numpy().astype("float64") for column in columns]
    expected = [reference_sample(*row) for row in zip(*columns, strict=True)]
    np.testing.assert_array_equal(together, expected)


def test_a_setting_may_be_one_number_for_all_rows():
    rng = np.random.default_rng(0)
    logits, noise = rng.normal(size=(2, 50, 9)).astype("float32")
    drawn = sample(logits, noise, SamplerSettings(temperature=2.0, top_k=[3] * 50, top_p=0.9))
    np.testing.assert_array_equal(drawn, run(logits, noise, [2.0] * 50, [3] * 50, [0.9] * 50))
    drawn = sample(logits, noise, SamplerSettings())
    np.testing.assert_array_equal(drawn, np.argmax(logits + noise, axis=1))


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
        "noise": st.lists(st.floats(-3, 17, width=32), min_size=num_symbols, max_size=num_symbols),
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


@pytest.mark.parametrize("top_k", [0, 2, 5])
@pytest.mark.parametrize("forbidden", [0, 2, 4])
def test_a_forbidden_symbol_is_never_drawn(top_k, forbidden):
    logits = np.zeros((1, 5), "float32")
    logits[0, forbidden] = -np.inf
    noise = np.float32([[-2.8] * 5])
    noise[0, forbidden] = 16.6
    for temperature in (0.0, 1e-38, 1.0, 100.0, 3e38):
        for top_p in (0.0, 0.5, 1.0):
            assert run(logits, noise, [temperature], [top_k], [top_p])[0] != forbidden


def test_the_highest_temperatures_draw_uniformly():
    noise = gumbel_noise(tf.constant([5], tf.int64), 0, 20_000, 3)[0]
    logits = np.tile(np.float32([50, 0, -50]), (20_000, 1))
    drawn = run(logits, noise, [3.4e38] * 20_000, [0] * 20_000, [1.0] * 20_000)
    np.testing.assert_allclose(np.bincount(drawn) / 20_000, 1 / 3, atol=0.014)


def test_logits_that_are_no_numbers_still_give_an_id():
    logits = np.float32([[np.nan] * 3, [np.inf, 0, 0], [-np.inf] * 3])
    for top_k in (0, 2):
        drawn = run(logits, [[0.9] * 3] * 3, [1.0] * 3, [top_k] * 3, [1.0] * 3)
        assert np.all((drawn >= 0) & (drawn < 3))


def test_noise_is_gumbel_and_belongs_to_its_seed():
    seeds = tf.constant([-(2**63), -1, 0, 1, 2**63 - 1], tf.int64)
    noise = gumbel_noise(seeds, 0, 600, 7).numpy()
    assert noise.shape == (5, 600, 7)
    # Mean and variance of the distribution, and its distribution function at every decile.
    np.testing.assert_allclose(noise.mean(axis=(1, 2)), np.euler_gamma, atol=0.08)
    np.testing.assert_allclose(noise.var(axis=(1, 2)), np.pi**2 / 6, atol=0.2)
    deciles = np.arange(1, 10) / 10
    below = noise.reshape(5, -1, 1) < -np.log(-np.log(deciles))
    np.testing.assert_allclose(below.mean(axis=1), np.tile(deciles, (5, 1)), atol=0.033)
    for columns in (noise.reshape(5, -1), noise.transpose(2, 0, 1).reshape(7, -1)):
        correlation = np.corrcoef(columns) - np.eye(len(columns))
        assert np.abs(correlation).max() < 0.09
    following = noise[:, 1:].ravel(), noise[:, :-1].ravel()
    assert abs(np.corrcoef(*following)[0, 1]) < 0.03
    assert gumbel_noise(seeds[:0], 0, 3, 7).shape == (0, 3, 7)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 3000), st.integers(1, 9))
@settings(max_examples=30)
def test_noise_of_a_step_does_not_depend_on_what_is_drawn_with_it(seed, step, num_symbols):
    alone = gumbel_noise(tf.constant([seed], tf.int64), step, 1, num_symbols)[0, 0]
    before = min(step, 20)
    together = gumbel_noise(
        tf.constant([1, seed], tf.int64), tf.constant(step - before), 40, num_symbols
    )
    np.testing.assert_array_equal(together[1, before], alone)
    assert np.all(np.isfinite(alone))
