"""Tokens drawn as the graph of an export draws them, in NumPy.

What is written here is what `tfseq.generation` says in TensorFlow, which the client and the local
server do without.
"""

import numpy as np

# Philox4x32-10 (Salmon et al., 2011).
_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_KEY_STEPS = np.array([0x9E3779B9, 0xBB67AE85], np.uint32)
_NUM_ROUNDS = 10
_HOTTEST = np.float32(1e30)


def gumbel_noise(seeds: np.ndarray, step: int, num_symbols: int) -> np.ndarray:
    """The standard Gumbel numbers of one step, float32 [B, V]: `generation.gumbel_noise`.

    A logarithm may differ from TensorFlow's in the last bit.

    Args:
        seeds: int64 [B].
        step: which token of a text is drawn, from 0 on.
        num_symbols: V.

    >>> gumbel_noise(np.array([7]), 2, 3).round(4).tolist()
    [[-0.789..., -0.108..., 0.423...]]
    """
    counts = -(-num_symbols // 4)
    counter = np.arange(step * counts, (step + 1) * counts, dtype=np.uint64)
    low, high = (counter & 0xFFFFFFFF), counter >> 32
    keys = np.asarray(seeds, np.int64).astype(np.uint64)
    words = _philox(low, high, keys)
    # 23 bits after the point: from 0 to below 1.
    uniforms = ((words & 0x7FFFFF) | 0x3F800000).view(np.float32) - np.float32(1)
    u = uniforms.reshape(len(keys), -1)[:, :num_symbols] + np.float32(2**-24)
    return -_log(-_log(u))


def _log(x: np.ndarray) -> np.ndarray:
    return np.log(x.astype(np.float64)).astype(np.float32)


def _philox(low: np.ndarray, high: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Four words for each count and key, uint32 [B, counts, 4]."""
    shape = (len(keys), len(low))
    words = [np.broadcast_to(word, shape) for word in (low, high, low * 0, low * 0)]
    key = [(keys & 0xFFFFFFFF).astype(np.uint32)[:, None], (keys >> 32).astype(np.uint32)[:, None]]
    for _ in range(_NUM_ROUNDS):
        first, second = words[0] * _MULTIPLIERS[0], words[2] * _MULTIPLIERS[1]
        words = [
            (second >> 32) ^ words[1] ^ key[0],
            second & 0xFFFFFFFF,
            (first >> 32) ^ words[3] ^ key[1],
            first & 0xFFFFFFFF,
        ]
        key = [part + step for part, step in zip(key, _KEY_STEPS, strict=True)]
    return np.stack(words, axis=-1).astype(np.uint32)


def draw(
    logits: np.ndarray,
    noise: np.ndarray,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float = 0.0,
) -> np.ndarray:
    """One symbol a row, int [B]: argmax_v (z_v + temperature · g_v) of those that are kept.

    top-k keeps the k most probable symbols, and top-p the fewest of them whose share of what is
    left reaches p; see `generation.sample`. min-p keeps those that are at least so probable,
    relative to the most probable one. Between equally probable symbols the lower id goes first.

    Args:
        logits: float32 [B, V]. Minus infinity forbids a symbol.
        noise: float32 [B, V].
        temperature, top_k, top_p, min_p: as an export's `generate_controlled` takes them.

    >>> logits = np.log(np.array([[0.5, 0.2, 0.3]], "float32"))
    >>> noise = np.array([[0.0, 1.0, 3.0]], "float32")
    >>> [int(draw(logits, noise, t, k, 1.0)[0]) for t, k in [(1, 0), (1, 1), (0, 0)]]
    [2, 0, 0]
    """
    temperature = min(np.float32(temperature), _HOTTEST)
    if top_k > 0 or top_p < 1 or min_p > 0:
        logits = _most_probable(logits, temperature, top_k, top_p, min_p)
    return np.argmax(logits + noise * temperature, axis=-1)


def _most_probable(
    logits: np.ndarray, temperature: np.float32, top_k: int, top_p: float, min_p: float
) -> np.ndarray:
    order = np.argsort(-logits, axis=-1, kind="stable")
    z = np.take_along_axis(logits, order, -1).astype(np.float64)
    limit = min(top_k, z.shape[-1]) if top_k > 0 else z.shape[-1]
    kept = np.full([len(z), 1], limit)
    shares = np.exp((z - z[:, :1]) / (float(temperature) or 1.0))
    # Shares are compared in the precision in which they were sent.
    if min_p > 0:
        probable = shares >= float(np.float32(min_p))
        kept = np.minimum(kept, probable.sum(axis=-1, keepdims=True))
    if top_p < 1:
        mass = np.cumsum(shares, axis=-1)
        short = mass[:, :limit] < float(np.float32(top_p)) * mass[:, limit - 1 : limit]
        kept = np.minimum(kept, 1 + short.sum(axis=-1, keepdims=True))
    places = np.argsort(order, axis=-1, kind="stable")
    return np.where(places < kept, logits, np.float32(-np.inf))


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """The model's own log probabilities, float64 [B, V]."""
    z = logits.astype(np.float64)
    z -= z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
