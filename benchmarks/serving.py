"""An export's requests through TensorFlow's C API, beside loops of calls from Python.

    python benchmarks/serving.py
    python benchmarks/serving.py --export exported/python_docs_gru/1 --soak-seconds 60

Latency of `next_token` and `score` (64 characters in) and of `generate` (100 characters out), batch
1, 8 and 32, with no Python inside a request. The same model, `generate`'s work, as (a) TensorFlow's
text-generation tutorial does it, one call of a `tf.function` for each character, and (b) PyTorch,
one call of `torch.nn.GRU` for each character, if PyTorch is there; and the matrix products alone.
The ways take turns in one run; look at the ratios. Then eight sessions at once, and the process's
memory as they go on.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import tfseq
from tfseq.serving import export_language_model
from tfseq.serving.loader.loader_process import LoaderError, LoaderProcess
from tfseq.serving.warm_up import WARM_UP_FILE, read_records

NEW_CHARACTERS = 100
BATCH_SIZES = (1, 8, 32)
RUNS_A_TURN = 4
PARTS = ("latencies", "sampling", "throughput", "soak")
PROMPT = "The value of the object is a sequence of characters that begins "  # 64 characters


def generate_inputs(batch_size: int) -> dict:
    """Inputs of `generate`: the tutorial's way of sampling, at temperature 1."""
    columns = {"temperature": np.float32(1), "top_k": np.int32(0), "top_p": np.float32(1)}
    return {
        "prompt": [PROMPT[:3]] * batch_size,
        "max_new_tokens": np.full(batch_size, NEW_CHARACTERS, "int32"),
        **{name: np.full(batch_size, value) for name, value in columns.items()},
        "seed": np.arange(batch_size),
    }


def tutorial_loop(model, vocabulary):
    """As in https://www.tensorflow.org/text/tutorials/text_generation: a call for a character."""
    ids_from_chars = tf.keras.layers.StringLookup(vocabulary=list(vocabulary.tokens[1:]))
    chars_from_ids = tf.keras.layers.StringLookup(
        vocabulary=ids_from_chars.get_vocabulary(), invert=True
    )
    mask = tf.sparse.to_dense(
        tf.SparseTensor([[0]], [-float("inf")], [len(ids_from_chars.get_vocabulary())])
    )

    @tf.function
    def one_step(inputs, states=None):
        characters = tf.strings.unicode_split(inputs, "UTF-8")
        ids = tf.cast(ids_from_chars(characters).to_tensor(), tf.int32)
        logits, states = model(ids, states, return_states=True)
        logits = logits[:, -1, :] / 1.0 + mask
        ids = tf.squeeze(tf.random.categorical(logits, num_samples=1), axis=-1)
        return chars_from_ids(ids), states

    def generate(batch_size):
        states, following = None, tf.constant([PROMPT[:3]] * batch_size)
        result = [following]
        for _ in range(NEW_CHARACTERS):
            following, states = one_step(following, states)
            result.append(following)
        return tf.strings.join(result).numpy()

    return generate


def torch_loop(model, vocabulary):
    """`torch.nn` with the same weights and a Python loop; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(os.cpu_count())
    size, units = len(vocabulary), model.units
    table = None
    if model.embedding is not None:
        table = torch.tensor(np.asarray(model.embedding.embeddings.value))
    gru = torch.nn.GRU(size if table is None else table.shape[1], units, batch_first=True)
    output = torch.nn.Linear(units, size)
    stack_weights = tfseq.interop.torch_state_dict(model.stack)
    gru.load_state_dict({k: torch.tensor(np.asarray(v)) for k, v in stack_weights.items()})
    with torch.no_grad():
        output.weight.copy_(torch.tensor(np.asarray(model.output_kernel.value).T))
        output.bias.copy_(torch.tensor(np.asarray(model.output_bias.value)))
    ids = {token: number for number, token in enumerate(vocabulary.tokens)}
    prompt = torch.tensor([[ids[c] for c in PROMPT[:3]]])

    @torch.inference_mode()
    def generate(batch_size):
        following, state, rows = prompt.repeat(batch_size, 1), None, []
        for _ in range(NEW_CHARACTERS):
            if table is None:
                inputs = torch.nn.functional.one_hot(following, size).float()
            else:
                inputs = torch.nn.functional.embedding(following, table)
            hidden, state = gru(inputs, state)
            logits = output(hidden[:, -1])
            logits[:, 0] = -float("inf")
            following = torch.multinomial(torch.softmax(logits, dim=-1), 1)
            rows.append(following)
        picked = torch.cat(rows, dim=1).tolist()
        return ["".join(vocabulary.tokens[i] for i in row) for row in picked]

    return generate


def products_alone(model):
    """The matrix products of the steps and nothing else, as one graph: what bounds the rest."""
    recurrent = tf.constant(model.stack.rnns[0].cell.recurrent_kernel.value)
    output = tf.constant(model.output_kernel.value)

    @tf.function(autograph=False)
    def products(h):
        def body(t, h, total):
            total += tf.reduce_sum(tf.matmul(h, output)[:, 0])
            return t + 1, tf.matmul(h, recurrent)[:, : model.units], total

        return tf.while_loop(lambda t, *_: t < NEW_CHARACTERS, body, (0, h, 0.0))[2]

    def run(batch_size):
        return products(tf.zeros([batch_size, model.units]))

    return run


def percentiles(seconds: list[float]) -> str:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return f"{p50:8.1f} {p99:8.1f}"


def load_export(path: Path):
    """The model of an export, from the weights in it, and its vocabulary."""
    card = json.loads((path / "assets.extra" / "model_card.json").read_text())
    config = card["model"]
    if config["cell"] != "gru" or config["num_layers"] != 1 or config["tie_embeddings"]:
        raise SystemExit(f"{path} is not a GRU of one layer with an output layer of its own.")
    model = tfseq.LanguageModel.from_config(config)
    weights = tf.saved_model.load(str(path)).weights
    for variable, value in zip(model.weights, weights, strict=True):
        variable.assign(value)
    return model, tfseq.Vocabulary.load(path / "assets" / "vocabulary.txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--export", type=Path, help="a GRU of one layer; left out: untrained")
    parser.add_argument("--units", type=int, default=256, help="of the untrained one")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="none: load only")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--requests", type=int, default=100, help="for each latency")
    parser.add_argument("--soak-seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, LoaderProcess() as loader:
        if options.export:
            path = options.export
            model, vocabulary = load_export(path)
        else:
            vocabulary = tfseq.Vocabulary([chr(code) for code in range(32, 127)] + ["\n"])
            model = tfseq.LanguageModel(len(vocabulary), units=options.units)
            path = export_language_model(model, tfseq.CharTokenizer(), vocabulary, directory)
        print(f"{model.units} units, {len(vocabulary)} symbols, {os.cpu_count()} cores\n")
        # The process itself starts before the clock does, as a server runs before it loads a model.
        with contextlib.suppress(LoaderError):
            loader.load("nowhere")
        requests = list(read_records(path / WARM_UP_FILE))
        start = time.perf_counter()
        loader.load(path)
        for signature, inputs in requests:
            loader.run(path, signature, **inputs)
        seconds = time.perf_counter() - start
        print(f"load and {len(requests)} warm-up requests  {seconds:.2f} s\n")
        if "latencies" in options.parts:
            latencies(loader, path, options.requests)
        if "sampling" in options.parts:
            sampling(loader, path, options.rounds)
        if "throughput" in options.parts:
            ways = {"(a) tutorial": tutorial_loop(model, vocabulary)}
            torch = torch_loop(model, vocabulary)
            if torch:
                ways["(b) torch"] = torch
            ways["products alone"] = products_alone(model)
            throughput(loader, path, ways, options.rounds)
        if "soak" in options.parts:
            soak(loader, path, options.soak_seconds)


def latencies(loader: LoaderProcess, path: Path, requests: int) -> None:
    """Print p50 and p99 of single requests."""
    print("milliseconds          batch      p50      p99")
    for batch_size in BATCH_SIZES:
        calls = {
            "next_token": {"prompt": [PROMPT] * batch_size},
            "score": {"text": [PROMPT] * batch_size},
        }
        for name, inputs in calls.items():
            loader.time(path, name, 5, **inputs)
            seconds = loader.time(path, name, requests, **inputs)
            print(f"{name:20} {batch_size:6} {percentiles(seconds)}")
    print()


def sampling(loader: LoaderProcess, path: Path, rounds: int) -> None:
    """Print what top-k and top-p cost in `generate`: times plain sampling, taking turns."""
    print("times plain sampling  batch  top_k 40  top_p 0.9  both (10% to 90%)")
    for batch_size in BATCH_SIZES:
        plain = generate_inputs(batch_size)
        k, p = np.full(batch_size, 40, "int32"), np.full(batch_size, 0.9, "float32")
        ways = [plain, {**plain, "top_k": k}, {**plain, "top_p": p}]
        ways.append({**plain, "top_k": k, "top_p": p})
        seconds = np.array(
            [
                [statistics.median(loader.time(path, "generate", 9, **way)) for way in ways]
                for _ in range(2 * rounds)
            ]
        )
        ratios = seconds[1:] / seconds[1:, :1]
        middle = np.median(ratios, axis=0)
        low, high = np.percentile(ratios[:, 3], [10, 90])
        print(
            f"{'generate':20} {batch_size:6}  {middle[1]:8.2f}  {middle[2]:9.2f}  "
            f"{middle[3]:.2f} ({low:.2f} to {high:.2f})"
        )
    print()


def timed(way, batch_size: int) -> list[float]:
    """Seconds of each run of a turn."""
    seconds = []
    for _ in range(RUNS_A_TURN):
        start = time.perf_counter()
        way(batch_size)
        seconds.append(time.perf_counter() - start)
    return seconds


def throughput(loader: LoaderProcess, path: Path, ways: dict, rounds: int) -> None:
    """Print `generate` and the loops, taking turns: latency, and how many times ours each takes."""
    print("100 characters, ms    batch      p50      p99  characters/s  times ours (10% to 90%)")
    for batch_size in BATCH_SIZES:
        inputs = generate_inputs(batch_size)
        clocks = {"generate": partial(loader.time, path, "generate", RUNS_A_TURN, **inputs)}
        clocks |= {name: partial(timed, way, batch_size) for name, way in ways.items()}
        seconds = {name: [] for name in clocks}
        for _ in range(rounds):
            for name, clock in clocks.items():
                # The first of a turn warms up what the one before it left cold.
                seconds[name] += clock()[1:]
        for name, values in seconds.items():
            rate = batch_size * NEW_CHARACTERS / statistics.median(values)
            ratios = np.divide(values, seconds["generate"])
            low, middle, high = np.percentile(ratios, [10, 50, 90])
            spread = f"{middle:6.2f} ({low:.2f} to {high:.2f})" if name != "generate" else ""
            print(f"{name:20} {batch_size:6} {percentiles(values)} {rate:13,.0f}  {spread}")
    print()


def soak(loader: LoaderProcess, path: Path, seconds: float) -> None:
    """Print what eight sessions at once do for some time."""
    work = []
    for batch_size in (1, 4):
        work += [
            ("generate", generate_inputs(batch_size)),
            ("score", {"text": [PROMPT * 4] * batch_size}),
            ("next_token", {"prompt": [PROMPT] * batch_size}),
            (
                "beam_search",
                {
                    "prompt": [PROMPT] * batch_size,
                    "max_new_tokens": np.full(batch_size, 30, "int32"),
                },
            ),
            ("encode", {"text": [PROMPT * 9] * batch_size}),
        ]
    loader.soak(path, work, num_threads=8, seconds=min(seconds, 10))
    outcome = loader.soak(path, work, num_threads=8, seconds=seconds)
    first, last = outcome["resident"][0], outcome["resident"][-1]
    print(f"8 sessions for {seconds:.0f} s: {outcome['count']:,} answers, ", end="")
    print(f"{len(outcome['errors'])} errors; ", end="")
    print(f"resident {first:.0f} MB after warm-up, {last:.0f} MB at the end ({last / first:.3f})")
    for error in outcome["errors"]:
        print(error)


if __name__ == "__main__":
    main()
