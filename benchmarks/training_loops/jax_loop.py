"""The contender of `training.py` that runs in JAX: `jax.lax.scan`, and a whole step compiled."""

import time
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from training_loops.child import CLIP_NORM, DROPOUT, GATES, LEARNING_RATE, Loop, serve, windows

σ = jax.nn.sigmoid


def rnn(x, states, params):
    h = jnp.tanh(x + states[0] @ params["recurrent_kernel"])
    return (h,)


def gru(x, states, params):
    (h,) = states
    x_z, x_r, x_h = jnp.split(x, 3, axis=-1)
    h_z, h_r, h_h = jnp.split(h @ params["recurrent_kernel"] + params["bias"][1], 3, axis=-1)
    z, r = σ(x_z + h_z), σ(x_r + h_r)
    return (z * h + (1 - z) * jnp.tanh(x_h + r * h_h),)


def lstm(x, states, params):
    h, c = states
    i, f, candidate, o = jnp.split(x + h @ params["recurrent_kernel"], 4, axis=-1)
    c = σ(f) * c + σ(i) * jnp.tanh(candidate)
    return (σ(o) * jnp.tanh(c), c)


def own(x, states, params):
    h, c = states
    i, f, candidate, o = jnp.split(x + h @ params["recurrent_kernel"], 4, axis=-1)
    f = σ(f)
    c = f * c + (1 - f) * σ(i) * jnp.tanh(candidate)
    return (σ(o) * jnp.tanh(c), c)


CELLS = {"rnn": rnn, "gru": gru, "lstm": lstm, "own": own}


def initial_params(loop: Loop) -> dict[str, np.ndarray]:
    """As Keras begins: Glorot's uniform kernels, and zeros."""
    rng = np.random.default_rng(0)
    gates = GATES[loop.cell] * loop.units

    def glorot(rows, columns):
        limit = (6 / (rows + columns)) ** 0.5
        return rng.uniform(-limit, limit, (rows, columns))

    return {
        "embedding": rng.standard_normal((loop.vocabulary, loop.embedding)),
        "kernel": glorot(loop.embedding, gates),
        "recurrent_kernel": glorot(loop.units, gates),
        "bias": np.zeros((2, gates) if loop.cell == "gru" else gates),
        "output_kernel": glorot(loop.units, loop.vocabulary),
        "output_bias": np.zeros(loop.vocabulary),
    }


def loss_of(params, states, key, inputs, targets, *, cell, dropout, unroll):
    """The mean cross-entropy of ids `[T, B]`, and the states after them."""

    def drop(x, key):
        if not dropout:
            return x
        return x * jax.random.bernoulli(key, 1 - dropout, x.shape) / (1 - dropout)

    before, after = jax.random.split(key)
    x = drop(params["embedding"][inputs], before)
    # The products of the inputs of all steps are one.
    x = x @ params["kernel"] + (params["bias"][0] if cell == "gru" else params["bias"])

    def step(states, x):
        states = CELLS[cell](x, states, params)
        return states, states[0]

    states, outputs = jax.lax.scan(step, states, x, unroll=unroll)
    logits = drop(outputs, after) @ params["output_kernel"] + params["output_bias"]
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return (jax.nn.logsumexp(logits, axis=-1) - chosen).mean(), states


def train_step(params, moments, states, key, count, inputs, targets, **settings):
    """Forward, backward, clip, Adam."""
    value_and_gradients = jax.value_and_grad(partial(loss_of, **settings), has_aux=True)
    (loss, states), gradients = value_and_gradients(
        params, states, jax.random.fold_in(key, count), inputs, targets
    )
    norm = sum(jnp.sum(g * g) for g in gradients.values()) ** 0.5
    scale = CLIP_NORM / jnp.maximum(norm, CLIP_NORM)
    step = count.astype("float32") + 1
    rate = LEARNING_RATE * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    new_params, new_moments = {}, {}
    for name, gradient in gradients.items():
        g = gradient * scale
        m, v = moments[name]
        m, v = m + (g - m) * 0.1, v + (g * g - v) * 0.001
        new_params[name] = params[name] - rate * m / (jnp.sqrt(v) + 1e-7)
        new_moments[name] = m, v
    return new_params, new_moments, states, loss, norm


def build(
    loop: Loop, tuned: bool = False, dropout: float = DROPOUT, load: str | None = None
) -> Iterator[float]:
    """The losses of a training loop.

    Args:
        loop: what to train.
        tuned: the best of several unrollings, with the generator of random numbers that XLA has.
        dropout: the rate.
        load: a file of initial weights and text, as `tensorflow_loop.py` has saved it.
    """
    if not tuned:
        return losses(loop, dropout, load, unroll=1)
    jax.config.update("jax_default_prng_impl", "unsafe_rbg")
    if load:
        return losses(loop, dropout, load, unroll=5)
    ways = {}
    for unroll in (1, 5):
        steps = losses(loop, dropout, load, unroll)
        next(steps), next(steps)
        start = time.perf_counter()
        for _ in range(5):
            next(steps)
        ways[time.perf_counter() - start] = steps
    return ways[min(ways)]


def losses(loop: Loop, dropout: float, load: str | None, unroll: int) -> Iterator[float]:
    saved = np.load(load) if load else None
    params = {
        name: jnp.asarray(saved[name] if load else value, "float32")
        for name, value in initial_params(loop).items()
    }
    moments = {name: (jnp.zeros_like(p), jnp.zeros_like(p)) for name, p in params.items()}
    settings = {"cell": loop.cell, "dropout": dropout, "unroll": unroll}
    step = jax.jit(partial(train_step, **settings), donate_argnums=(0, 1, 2))
    key = jax.random.key(0)
    for count, (begins, inputs, targets) in enumerate(windows(loop, saved and saved["rows"])):
        if begins:
            number = 2 if loop.cell in ("lstm", "own") else 1
            states = tuple(jnp.zeros((loop.batch, loop.units)) for _ in range(number))
        params, moments, states, loss, norm = step(
            params, moments, states, key, np.int32(count), inputs.T, targets.T
        )
        float(norm)
        yield float(loss)


if __name__ == "__main__":
    serve(build)
