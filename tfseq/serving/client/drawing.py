"""One token drawn from logits as an export's graph draws it, in NumPy."""

import numpy as np

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], "uint64")
_KEY_STEPS = np.array([0x9E3779B9, 0xBB67AE85], "uint32")
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HOTTEST = np.float32(1e30)


def gumbel_noise(seed: int, step: int, num_symbols: int) -> np.ndarray:
    """The numbers of `tfseq.generation.gumbel_noise` for one row and one step, float32 [V].

    The bits are those of the Philox 4x32 generator (Salmon et al., 2011); a logarithm may differ
    from TensorFlow's in the last bit.

    >>> print(gumbel_noise(seed=7, step=2, num_symbols=3).round(3))
    [-0.79  -0.109  0.423]
    """
    counts = -(-num_symbols // 4)
    counter = np.arange(step * counts, (step + 1) * counts, dtype="uint64")
    bits = _philox(counter, seed % 2**64).reshape(-1)[:num_symbols]
    # An odd multiple of 2^-24.
    u = ((bits & np.uint32(0x7FFFFF)) * 2.0**-23 + 2.0**-24).astype("float32")
    return -_log(-_log(u))


def draw(
    logits: np.ndarray, noise: np.ndarray, temperature: float, top_k: int, top_p: float
) -> int:
    """The id that `tfseq.generation.sample` draws, for one row, float32 [V].

    >>> logits, noise = np.log(np.float32([0.5, 0.2, 0.3])), np.float32([0, 1, 3])
    >>> [draw(logits, noise, *settings) for settings in ((1, 0, 1), (1, 1, 1), (0, 0, 1))]
    [2, 0, 0]
    """
    temperature = min(np.float32(temperature), _HOTTEST)
    if top_k > 0 or top_p < 1:
        logits = _most_probable(logits, temperature, top_k, top_p)
    return int(np.argmax(logits + noise * temperature))


def _most_probable(
    logits: np.ndarray, temperature: np.float32, top_k: int, top_p: float
) -> np.ndarray:
    """Minus infinity for what top-k and top-p leave out; of equal logits the lower id is first."""
    order = np.argsort(-logits, kind="stable")[: top_k or None]
    z = logits[order].astype("float64")
    mass = np.cumsum(np.exp((z - z[0]) / (float(temperature) if temperature > 0 else 1.0)))
    if top_p < 1:
        share = float(np.float32(top_p)) * mass[-1]
        order = order[: 1 + int((mass < share).sum())]
    kept = np.full_like(logits, -np.inf)
    kept[order] = logits[order]
    return kept


def _log(x: np.ndarray) -> np.ndarray:
    return np.log(x.astype("float64")).astype("float32")


def _philox(counter: np.ndarray, key: int) -> np.ndarray:
    """Four random numbers of 32 bits for every count, uint32 [N, 4]."""
    a, b = counter & _LOW, counter >> np.uint64(32)
    c, d = np.zeros_like(a), np.zeros_like(a)
    keys = np.array([key & 0xFFFFFFFF, key >> 32], "uint32")
    for _ in range(_ROUNDS):
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a = (second >> np.uint64(32)) ^ b ^ np.uint64(keys[0])
        c = (first >> np.uint64(32)) ^ d ^ np.uint64(keys[1])
        b, d = second & _LOW, first & _LOW
        keys = keys + _KEY_STEPS
    return np.stack([a, b, c, d], axis=1).astype("uint32")
