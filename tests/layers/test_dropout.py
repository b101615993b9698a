"""Dropout by a counter: its masks bit for bit, and that nothing is to be seen in them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfseq.layers import Dropout, RecurrentStack, recurrent_stack
from tfseq.layers.tensorflow.dropout_mask import drop, rows_from
from tfseq.models import LanguageModel

SIZE = 1 << 16


def hashed(x, key=0):
    """triple32 with a key after its first round, in Python's integers modulo 2³²."""
    x = np.asarray(x, "uint64")
    for shift, factor in [(17, 0xED5AD4BB), (11, 0xAC4C1B51), (15, 0x31848BAB)]:
        x = x ^ (x >> np.uint64(shift))
        x = (x + np.uint64(key if shift == 11 else 0)) * np.uint64(factor) % np.uint64(2**32)
    return x ^ (x >> np.uint64(14))


def mask_by_hand(seed, call, size, rate):
    key = 0
    for number in (seed, call):
        for word in (number % 2**32, number >> 32):
            key = int(hashed((key + word + 0x9E3779B9) % 2**32))
    second = int(hashed((key + 0x9E3779B9) % 2**32))
    return hashed(np.arange(size, dtype="uint64") ^ np.uint64(key), second) >= rate * 2**32


def mask(seed=1, call=0, rate=0.5, size=SIZE):
    return drop(tf.ones([size]), rate, tf.constant([seed, call], tf.int64)).numpy() > 0


def agreement(a, b):
    """How far two masks of rate 1/2 agree beyond chance, in standard deviations."""
    return (2 * np.mean(a == b) - 1) * np.sqrt(a.size)


@pytest.mark.parametrize("how", [{"jit_compile": True}, {}, None], ids=["xla", "graph", "eager"])
def test_every_bit_of_a_mask(how):
    function = drop if how is None else tf.function(drop, autograph=False, **how)
    for seed, call, rate in [(0, 0, 0.5), (7, 3, 0.1), (2**31 - 1 + (1 << 32), 2**33 + 5, 0.9)]:
        kept = mask_by_hand(seed, call, 70 * 11, rate).reshape(70, 11)
        x = np.random.default_rng(0).normal(size=kept.shape).astype("float32")
        y = function(tf.constant(x), rate, tf.constant([seed, call], tf.int64))
        np.testing.assert_allclose(y, np.where(kept, x / (1 - rate), 0), rtol=1e-6)


def test_a_batch_of_a_size_not_known_when_it_is_traced():
    signature = [tf.TensorSpec([None, 5]), tf.TensorSpec([2], tf.int64)]
    traced = tf.function(lambda x, seed: drop(x, 0.5, seed), input_signature=signature)
    kept = mask_by_hand(3, 1, 35, 0.5).reshape(7, 5)
    np.testing.assert_array_equal(traced(tf.ones([7, 5]), tf.constant([3, 1], tf.int64)), 2 * kept)


@pytest.mark.parametrize("noise_shape", [None, (None, 1, None), (1, None, None)])
def test_some_rows_of_a_batch_have_the_masks_of_all(noise_shape):
    x, seed = tf.ones([6, 5, 3]), tf.constant([3, 0], tf.int64)

    @tf.function(jit_compile=True)
    def dropped(x, first):
        with rows_from(first):
            return drop(x, 0.5, seed, noise_shape, of_rows=True)

    whole = Dropout(0.5, noise_shape, seed=3)(x, training=True)
    np.testing.assert_array_equal(dropped(x[2:5], tf.constant(2)), whole[2:5])
    np.testing.assert_array_equal(dropped(x, tf.constant(0)), whole)


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.8, 0.999])
def test_the_share_of_zeros(rate):
    for seed in range(4):
        zeros = 1 - mask(seed, seed * 1000, rate).mean()
        assert abs(zeros - rate) < 4.5 * np.sqrt(rate * (1 - rate) / SIZE)


def test_masks_of_different_seeds_calls_and_halves_are_independent():
    """Those of the second half of a batch have 2³² added to their seed."""
    masks = [
        mask(seed + (half << 32), call)
        for seed in (0, 1, 2, 1337)
        for half in (0, 1)
        for call in (0, 1, 2, 3, 1 << 20)
    ]
    scores = [agreement(a, b) for i, a in enumerate(masks) for b in masks[:i]]
    assert max(map(abs, scores)) < 5  # Of 780: 4.9 is passed once in a thousand times.
    assert 0.9 < np.std(scores) < 1.1


def test_places_of_a_mask_are_independent():
    """A power of two apart, as rows, steps and units are, or by a few places."""
    scores = []
    for seed in range(3):
        bits = mask(seed, 5, size=1 << 18)
        for distance in [*(1 << k for k in range(17)), 3, 5, 35, 100, 1000, 35 * 256]:
            scores.append(agreement(bits[:-distance], bits[distance:]))
            aligned = bits[: bits.size // (2 * distance) * 2 * distance]
            first, second = aligned.reshape(-1, 2, distance).transpose(1, 0, 2)
            scores.append(agreement(first, second))
    assert max(map(abs, scores)) < 4.5
    assert 0.8 < np.std(scores) < 1.2


def test_each_call_draws_anew_and_no_two_layers_alike():
    keras.utils.set_random_seed(0)
    layers = [Dropout(0.5), Dropout(0.5), Dropout(0.5, seed=4)]
    x = tf.ones([64, 256])
    masks = [layer(x, training=True).numpy() > 0 for layer in layers for _ in range(3)]
    for i, a in enumerate(masks):
        assert all(abs(agreement(a, b)) < 4.5 for b in masks[:i])
    same = Dropout(0.5, seed=4)
    np.testing.assert_array_equal(same(x, training=True).numpy() > 0, masks[6])


def test_the_gradient_flows_through_what_is_kept():
    x = tf.Variable(np.random.default_rng(1).normal(size=[30, 20]).astype("float32"))
    factors = tf.constant(np.random.default_rng(2).normal(size=[30, 20]), tf.float32)
    layer = Dropout(0.3, seed=2)
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
        loss = tf.reduce_sum(y * factors)
    kept = y.numpy() != 0
    assert 0.6 < kept.mean() < 0.8
    expected = np.where(kept, factors / 0.7, 0)
    np.testing.assert_allclose(tape.gradient(loss, x), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_precisions_have_the_same_masks(dtype):
    x = tf.cast(tf.fill([50, 40], 3.0), dtype)
    y = Dropout(0.25, seed=3, dtype=dtype)(x, training=True)
    assert y.dtype == dtype
    kept = mask_by_hand(3, 0, 2000, 0.25).reshape(50, 40)
    np.testing.assert_allclose(tf.cast(y, "float64"), np.where(kept, 4.0, 0.0), rtol=1e-2)


@pytest.mark.parametrize("how", [{"jit_compile": True}, {}], ids=["xla", "graph"])
@pytest.mark.parametrize("shape", [(None, 1, 4), (6, 5, 1), (None, 1, None), (1, None, 1)])
def test_a_mask_that_places_share(shape, how):
    x = tf.constant(np.random.default_rng(1).normal(size=[6, 5, 4]), tf.float32)
    sizes = [n if m is None else m for n, m in zip(x.shape, shape, strict=True)]
    kept = mask_by_hand(9, 0, np.prod(sizes), 0.5).reshape(sizes)
    layer = Dropout(0.5, noise_shape=shape, seed=9)
    call = tf.function(lambda x: layer(x, training=True), **how)
    if not how:  # Of a batch of a size that is not known when it is traced.
        call = call.get_concrete_function(tf.TensorSpec([None, None, 4]))
    np.testing.assert_array_equal(call(x), np.where(kept, 2 * x, 0))


def test_what_is_left_to_keras():
    x = tf.constant(np.random.default_rng(1).normal(size=[6, 5, 4]), tf.float32)
    np.testing.assert_array_equal(Dropout(1.0)(x, training=True), np.zeros(x.shape))
    assert Dropout(0.5)(x) is not None
    np.testing.assert_array_equal(Dropout(0.5)(x, training=False), x)
    np.testing.assert_array_equal(Dropout(0.0)(x, training=True), x)


def test_a_rate_next_to_one():
    assert (
        not Dropout(float(np.nextafter(1, 0)), seed=1)(tf.ones([1000]), training=True).numpy().any()
    )


def test_with_the_state_of_its_seed_a_loaded_model_goes_on_with_the_masks_to_come(tmp_path):
    """Keras saves no seed; a checkpoint of a run does."""
    model = keras.Sequential([keras.Input((50,)), Dropout(0.5, seed=6)])
    x = np.ones([20, 50], "float32")
    for _ in range(3):
        model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for new, old in zip(loaded.variables, model.variables, strict=True):
        new.assign(old)
    for call in (3, 4):
        kept = mask_by_hand(6, call, 1000, 0.5).reshape(20, 50)
        np.testing.assert_array_equal(loaded(x, training=True), 2 * kept)
        np.testing.assert_array_equal(model(x, training=True), 2 * kept)


def previous_stack():
    stack = RecurrentStack("gru", units=4, num_layers=3, dropout=0.5, return_state=False)
    return keras.Sequential([keras.Input((6, 3)), stack])


def previous_model():
    model = LanguageModel(9, cell="lstm", units=4, num_layers=2, dropout=0.5, embedding_size=3)
    model(np.zeros([2, 6], "int32"))
    return model


@pytest.mark.parametrize("make", [previous_stack, previous_model])
def test_models_saved_with_the_dropout_of_keras(make, tmp_path, monkeypatch):
    x = np.random.default_rng(0).integers(0, 9, [2, 6])
    x = x if make is previous_model else np.eye(9, 3, dtype="float32")[x]
    with monkeypatch.context() as patch:
        patch.setattr(recurrent_stack, "Dropout", keras.layers.Dropout)
        patch.setattr("tfseq.models.recurrent_model.Dropout", keras.layers.Dropout)
        model = make()
        model(x, training=True)
        model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6)
    stack = loaded.stack if make is previous_model else loaded.layers[-1]
    assert {type(layer) for layer in stack.dropouts} == {Dropout}
    assert loaded(x, training=True).shape == (*x.shape[:2], loaded(x).shape[-1])
