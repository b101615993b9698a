"""A model that starts from a file of weights of `torch.nn` or Keras layers."""

import json
import re

import keras
import numpy as np
import pytest
from small_tasks import write_texts

import tfseq
from tfseq.errors import InputError
from tfseq.tasks.language_model.training import prepare
from tfseq.tasks.text_classification.training import prepare as prepare_classifier

TOKENS = ["<eos>", "the", "machine", "<unk>", "year", "a b"]
V, E, D = len(TOKENS), 3, 4
CHANCE = np.random.default_rng(0)


def lstm(prefix, features, units=D):
    shapes = {"weight_ih_l0": (4 * units, features), "weight_hh_l0": (4 * units, units)}
    shapes |= {"bias_ih_l0": (4 * units,), "bias_hh_l0": (4 * units,)}
    return {prefix + n: CHANCE.normal(size=s).astype("float32") for n, s in shapes.items()}


TORCH = {
    "encoder.weight": CHANCE.normal(size=(V, E)).astype("float32"),
    **lstm("rnn.", E),
    **{n.replace("l0", "l1"): a for n, a in lstm("rnn.", D).items()},
    "decoder.weight": CHANCE.normal(size=(V, D)).astype("float32"),
    "decoder.bias": CHANCE.normal(size=V).astype("float32"),
}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logits_of(arrays, ids, layers=2):
    """What `word_language_model` of PyTorch's examples computes, gates i, f, g, o."""
    x = arrays["encoder.weight"][ids]
    for n in range(layers):
        w_ih, w_hh, b_ih, b_hh = (
            arrays[f"rnn.{part}_l{n}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h = c = np.zeros(D)
        outputs = []
        for step in x:
            i, f, g, o = np.split(w_ih @ step + b_ih + w_hh @ h + b_hh, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            outputs.append(h)
        x = np.stack(outputs)
    return x @ arrays["decoder.weight"].T + arrays["decoder.bias"]


def write_safetensors(path, arrays, dtype="F32"):
    """The format, written by hand: a length, a header, the numbers."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in arrays.items():
        content = array.astype("<f4").tobytes()
        if dtype == "BF16":
            content = (array.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        place = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": place}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.fixture
def start(tmp_path):
    """`start(file)` is a language model that is ready to train from it."""
    corpus, tokens = tmp_path / "text.txt", tmp_path / "tokens.txt"
    corpus.write_text("the machine of the year\n" * 60)
    tokens.write_text("\n".join(TOKENS) + "\n")

    def begin(path, **changes):
        options = {"corpus": str(corpus), "init_from": str(path), "init_vocabulary": str(tokens)}
        options |= {"tokenizer": "word", "line_ends": True, "run_dir": str(tmp_path / "run")}
        options |= {"export": False, "batch_size": 4, "num_steps": 8, "verbose": "quiet"}
        return prepare(tfseq.LanguageModelOptions(**{**options, **changes}))

    return begin


def assert_computes(training, expected_of):
    """Known tokens have the logits that they have in the file, in the order of their new ids."""
    tokens = ["<unk>", *(t for t in TOKENS if t != "<unk>")]
    assert training.task.vocabulary.tokens == (*tokens, "of")
    places = [TOKENS.index(t) for t in tokens]
    expected = expected_of(np.array(places))[:, places]
    found = training.task.model(np.arange(V, dtype="int32")[None])[0, :, :V]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_safetensors_and_npz_of_torch(start, tmp_path):
    """Names of the example of PyTorch; the same behind the prefix of a wrapped model."""
    path = write_safetensors(tmp_path / "model.safetensors", TORCH)
    training = start(path)
    assert_computes(training, lambda ids: logits_of(TORCH, ids))
    options = training.task.options
    assert (options.cell, options.units, options.num_layers) == ("lstm", D, 2)
    assert (options.embedding_size, options.tie_embeddings) == (E, False)
    assert "2 layers of lstm, the output layer, 6 symbols kept, 1 added" in training.start
    np.savez(tmp_path / "model.npz", **{f"module.{name}": a for name, a in TORCH.items()})
    training = start(tmp_path / "model.npz")
    assert_computes(training, lambda ids: logits_of(TORCH, ids))
    path = write_safetensors(tmp_path / "narrow.safetensors", TORCH, "BF16")
    table = start(path).task.model.embedding.embeddings.numpy()
    np.testing.assert_allclose(table[1], TORCH["encoder.weight"][0], rtol=2**-7)


def test_fastai_layers_of_several_sizes_with_a_tied_table(start, tmp_path):
    table = CHANCE.normal(size=(V, E)).astype("float32")
    arrays = {"0.encoder.weight": table, "0.encoder_dp.emb.weight": table}
    for n, (features, units) in enumerate([(E, 5), (5, E)]):
        for name, array in lstm("", features, units).items():
            arrays[f"0.rnns.{n}.module.{name}"] = array
        raw = CHANCE.normal(size=(4 * units, units)).astype("float32")
        arrays[f"0.rnns.{n}.weight_hh_l0_raw"] = raw
    arrays |= {"1.decoder.weight": table, "1.decoder.bias": np.arange(V, dtype="float32")}
    training = start(write_safetensors(tmp_path / "awd.safetensors", arrays))
    options, model = training.task.options, training.task.model
    assert (options.units, options.tie_embeddings) == ((5, E), True)
    i, f, g, o = np.split(raw, 4)
    expected = np.concatenate([i, f, g, o]).T
    np.testing.assert_array_equal(model.stack.rnns[1].cell.recurrent_kernel, expected)
    np.testing.assert_array_equal(model.output_bias[:V], [3, 0, 1, 2, 4, 5])


@pytest.mark.everyday(1)
@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_keras(ending, start, tmp_path):
    theirs = keras.Sequential(
        [
            keras.layers.Embedding(V, E),
            keras.layers.GRU(D, return_sequences=True),
            keras.layers.GRU(5, return_sequences=True),
            keras.layers.Dense(V, bias_initializer="normal"),
        ]
    )
    theirs(np.zeros([1, 2], "int32"))
    path = tmp_path / f"model{ending}"
    theirs.save(path) if ending == ".keras" else theirs.save_weights(path)
    training = start(path)
    assert (training.task.options.cell, training.task.options.units) == ("gru", (D, 5))
    assert_computes(training, lambda ids: np.asarray(theirs(ids[None]))[0])


def test_recurrent_layers_alone_for_a_classifier(tmp_path):
    data = write_texts(tmp_path / "data.csv")
    path = write_safetensors(tmp_path / "rnn.safetensors", lstm("lstm.", E))
    options = tfseq.TextClassificationOptions(
        data=str(data), init_from=str(path), run_dir=str(tmp_path / "run"), export=False
    )
    task = prepare_classifier(options).task
    assert (task.options.cell, task.options.units, task.options.embedding_size) == ("lstm", D, E)
    from tfseq.interop import torch_state_dict

    found = torch_state_dict(task.model.stack.rnns[0].cell)
    expected = tfseq.interop.weight_files.read_weight_file(path)
    np.testing.assert_array_equal(found["weight_hh"], expected["lstm.weight_hh_l0"])


def without(*names):
    return {n: a for n, a in TORCH.items() if not n.startswith(names)}


def square(rows, columns):
    return np.ones((rows, columns), "float32")


REFUSED = {
    "no recurrent layer": (without("rnn"), r"no recurrent layer.*'encoder.weight' \(6, 3\)"),
    "left over": (
        {**TORCH, "norm.weight": np.ones(7, "float32")},
        r"'norm.weight' \(7,\) fits nowhere: .*rnn, layer 0: lstm of 4",
    ),
    "other rows": (
        {**TORCH, "encoder.weight": square(9, E)},
        r"'encoder.weight' has the shape \(9, 3\), and \(6, 3\) is wanted",
    ),
    "other tokens": (
        {**without("decoder"), "encoder.weight": square(9, E)},
        r"'encoder.weight' has the shape \(9, 3\), and \(6, 3\) is wanted, for the 6 tokens",
    ),
    "backwards": ({**TORCH, "rnn.weight_ih_l0_reverse": square(16, E)}, "reads backwards"),
    "projected": ({**TORCH, "rnn.weight_hr_l0": square(2, 4)}, r"'rnn.weight_hr_l0' \(2, 4\) is a"),
    "half a layer": (without("rnn.weight_hh_l1"), "lacks its weight_ih or weight_hh"),
    "a gap": ({**TORCH, "rnn.weight_ih_l1": square(16, 7)}, "layer 1 reads 7 numbers, and 4 are"),
    "no bias": (without("rnn.bias_hh_l1"), "Missing: .'bias_hh'"),
    "no embedding": (without("encoder"), "no embedding beside the output layer 'decoder.weight'"),
    "gates": ({**TORCH, "rnn.weight_ih_l0": square(15, E)}, "no SimpleRNN, GRU or LSTM"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_named(case, start, tmp_path):
    arrays, match = REFUSED[case]
    path = write_safetensors(tmp_path / "model.safetensors", arrays)
    with pytest.raises(InputError, match=match) as error:
        start(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_other_refusals(start, tmp_path):
    path = write_safetensors(tmp_path / "model.safetensors", TORCH)

    def refused(match, path=path, **changes):
        with pytest.raises(InputError, match=match):
            start(path, **changes)

    refused(r"`cell` is 'lstm', and 'gru' was asked for", cell="gru")
    refused(r"`units` is 4, and 8 was asked for", units=8)
    refused(r"'encoder.weight' \(6, 3\): `init_vocabulary` must name", init_vocabulary=None)
    twice = tmp_path / "twice.txt"
    twice.write_text("a\nb\na\n")
    refused(r"twice.txt:3: the token is the same as line 1", init_vocabulary=str(twice))
    refused("is a pickle by its name", path=tmp_path / "model.pt")
    refused("cannot be read: No such file", path=tmp_path / "none.npz")
    for name in ("broken.safetensors", "broken.npz", "broken.keras", "broken.h5"):
        (tmp_path / name).write_bytes(b"no weights at all")
        refused(re.escape(name), path=tmp_path / name)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:-4])
    refused("'decoder.bias' lies outside the file", path=cut)
    assert not (tmp_path / "run").exists()
