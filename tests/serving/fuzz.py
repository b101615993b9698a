"""Requests of any kind for every signature, and what may come of them.

    python tests/serving/fuzz.py --requests 10000

A request of the right shapes and types must be answered, whatever its values. One of wrong shapes
or types may be answered, or end in InvalidArgument, and in nothing else.
"""

import argparse
import collections
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tfseq.serving.loader.loader_process import LoaderError

INVALID_ARGUMENT = 3
INTEGERS = {"int32": 31, "int64": 63}
PIECES = st.sampled_from(
    [
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        "👩‍👩‍👧".encode(),
        "e\u0301".encode(),
        "\u202eש".encode(),
        b"<unk>",
        b"\n",
        b" ",
    ]
)
TEXTS = (
    st.binary(max_size=30)
    | st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.lists(PIECES, max_size=20).map(b"".join)
    | st.tuples(PIECES, st.integers(0, 3000)).map(lambda pair: pair[0] * pair[1])
    | st.just(b"z" * 1_000_000)
)


def values(dtype):
    if dtype == "string":
        return TEXTS
    if dtype in INTEGERS:
        bits = INTEGERS[dtype]
        edges = st.sampled_from([0, 1, -1, 5, 40, 2**bits - 1, -(2**bits)])
        return edges | st.integers(-(2**bits), 2**bits - 1)
    return st.floats(width=32) | st.sampled_from([0.0, 1.0, 1e-45, -0.0, 3e38])


def array(items, dtype, shape):
    if dtype == "string":
        data = np.empty(len(items), object)
        data[:] = [item if isinstance(item, bytes) else str(item).encode() for item in items]
    else:
        data = np.asarray(items, dtype)
    return data.reshape(shape)


@st.composite
def requests(draw, signatures):
    """A signature's name, its inputs, and whether their shapes and types are right."""
    name = draw(st.sampled_from(sorted(signatures)))
    size = draw(st.integers(1, 5))
    right = draw(st.integers(0, 9)) > 0
    inputs = {}
    for key, info in signatures[name]["inputs"].items():
        shape = [size, *(draw(st.integers(0, 6)) if d is None else d for d in info["shape"][1:])]
        dtype = info["dtype"]
        if not right:
            shape = draw(
                st.just(shape) | st.lists(st.integers(0, 3), max_size=3) | st.just([size + 1])
            )
            dtype = draw(
                st.just(dtype) | st.sampled_from(["string", "int32", "int64", "float32", "float64"])
            )
        count = int(np.prod(shape))
        if count > 40:
            items = [draw(values(dtype))] * count
        else:
            items = draw(st.lists(values(dtype), min_size=count, max_size=count))
        inputs[key] = array(items, dtype, shape)
    return name, inputs, right


def check(run, request) -> str:
    """Send a request; returns "answer" or "invalid argument", and raises for all else."""
    name, inputs, right = request
    try:
        outputs = run(name, **inputs)
    except LoaderError as error:
        if error.code == INVALID_ARGUMENT and not right:
            return "invalid argument"
        raise
    if right:
        size = len(next(iter(inputs.values())))
        for key, value in outputs.items():
            assert len(value) == size, (name, key, value.shape)
            if value.dtype == object:
                for text in value.ravel():
                    text.decode("utf-8")
            elif name != "step":
                assert np.isfinite(value).all(), (name, key)
    return "answer"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    import tfseq
    from tfseq.serving import ServingSettings, export_language_model
    from tfseq.serving.loader.loader_process import LoaderProcess

    counts = collections.Counter()
    vocabulary = tfseq.Vocabulary([*"abcde想要有 .\n\\"])
    model = tfseq.LanguageModel(len(vocabulary), cell="lstm", units=16, num_layers=2)
    with tempfile.TemporaryDirectory() as directory, LoaderProcess() as loader:
        path = export_language_model(
            model,
            tfseq.CharTokenizer(),
            vocabulary,
            directory,
            settings=ServingSettings(max_new_tokens=32, max_prompt_bytes=256, max_score_bytes=256),
        )
        signatures = loader.load(path)

        @seed(options.seed)
        @settings(
            max_examples=options.requests,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(requests(signatures))
        def fuzz(request):
            outcome = check(lambda *a, **k: loader.run(path, *a, **k), request)
            counts[request[0], request[2], outcome] += 1

        start = time.perf_counter()
        fuzz()
        seconds = time.perf_counter() - start
    print(f"{sum(counts.values()):,} requests in {seconds:.0f} s; none failed otherwise")
    for (name, right, outcome), count in sorted(counts.items()):
        print(f"{name:16} {'right' if right else 'wrong'} shapes and types: {outcome:17}{count:6,}")


if __name__ == "__main__":
    main()
