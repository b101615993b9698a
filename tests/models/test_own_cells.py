"""Models with a cell of one's own: a class, a function, or the name of either."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfseq
from models import own_cells
from models.small_model import B, T, V, close, draw_ids, make_model
from tfseq.cells.table import CELLS, KINDS, TEXTBOOK_KINDS, CellKind
from tfseq.generation.token_step import token_step
from tfseq.serving import export_language_model

PLACE = "models.own_cells:"
WAYS = {
    "class": own_cells.LeakyCell,
    "name of a class": PLACE + "LeakyCell",
    "nested": PLACE + "NestedCell",
    "matrix": PLACE + "MatrixCell",
    "function": own_cells.plain,
    "name of a function": PLACE + "plain",
}
each_way = pytest.mark.parametrize("cell", WAYS.values(), ids=WAYS)


def assert_steps_as_it_is_called(model):
    """`step`, and `token_step` in a graph, are a call over time, and keep the states' nest."""
    ids = draw_ids()
    initial = model.initial_states(B)
    expected, final = model(ids, return_states=True)
    tf.nest.assert_same_structure(initial, final)

    @tf.function
    def fast():
        advance, logits_of = token_step(model)
        states, logits = initial, []
        for t in range(T):
            hidden, states = advance(tf.constant(ids[:, t]), states)
            logits.append(logits_of(hidden))
        return tf.stack(logits, axis=1), states

    states, logits = initial, []
    for t in range(T):
        step, states = model.step(tf.constant(ids[:, t]), states)
        logits.append(step)
    for found in ((tf.stack(logits, axis=1), states), fast()):
        tf.nest.assert_same_structure(found, (expected, final))
        close(found, (expected, final))


@pytest.mark.everyday(6)
@pytest.mark.parametrize("options", [{}, {"embedding_size": 4}], ids=["one-hot", "embedded"])
@each_way
def test_it_steps_as_it_is_called(cell, options):
    model = make_model(cell, **options)
    assert model.hidden_size == 5
    assert_steps_as_it_is_called(model)


@pytest.mark.everyday(6)
@pytest.mark.parametrize("embedding_size", [None, 4])
@pytest.mark.parametrize(
    "kind", [k for k in KINDS if k not in TEXTBOOK_KINDS], ids=lambda k: k.name
)
def test_further_built_in_cells_step_as_they_are_called(kind, embedding_size):
    assert_steps_as_it_is_called(make_model(kind.name, embedding_size=embedding_size))


@pytest.mark.everyday(1)
@pytest.mark.parametrize("cell", ["name of a class", "nested", "function"])
def test_it_trains(cell):
    keras.utils.set_random_seed(0)
    model = tfseq.LanguageModel(V, WAYS[cell], units=16)
    model.compile(
        keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    ids = np.tile(np.arange(T + 1), [8, 1])
    losses = model.fit(ids[:, :-1], ids[:, 1:], epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]


@each_way
def test_its_name_is_saved(cell, tmp_path):
    model = make_model(cell)
    names = {own_cells.LeakyCell: "tests>LeakyCell", own_cells.plain: PLACE + "plain"}
    assert model.get_config()["cell"] == names.get(cell, cell)
    assert model.stack.get_config()["cell_type"] == names.get(cell, cell)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded(draw_ids()), model(draw_ids()))


def test_every_model_takes_it():
    name = PLACE + "LeakyCell"
    ids = np.array([[1, 2, -1]])
    models = {
        tfseq.TextClassifier(5, 3, cell=name, units=4): (ids, (1, 3)),
        tfseq.Tagger(5, 3, cell=own_cells.LeakyCell, units=4): (ids, (1, 3, 3)),
        tfseq.Forecaster(1, 3, cell=name, units=4): (np.zeros([1, 3, 1], "float32"), (1, 3, 1)),
    }
    for model, (inputs, shape) in models.items():
        assert model(inputs).shape == shape
        assert type(model.stack.rnns[0].cell) is own_cells.LeakyCell
        again = type(model).from_config(model.get_config())
        assert again.get_config() == model.get_config()
        assert again.count_params() == model.count_params()


@pytest.mark.parametrize("cell", ["NestedCell", "MatrixCell", "plain"])
def test_a_forecast_does_not_read_what_is_padded(cell):
    model = tfseq.Forecaster(1, 6, cell=PLACE + cell, units=4)
    keras.utils.set_random_seed(1)
    model.output_layer.kernel.assign(keras.random.normal(model.output_layer.kernel.shape))
    x = np.random.default_rng(0).normal(size=[2, 3, 1]).astype("float32")
    padded = np.pad(x, [(0, 0), (3, 0), (0, 0)], constant_values=np.nan)
    np.testing.assert_allclose(model.forecast(padded, 4), model.forecast(x, 4), rtol=1e-5)
    expected = np.asarray(model(x))[:, -1:]
    np.testing.assert_allclose(model.forecast(padded, 1), expected, rtol=1e-5)


def test_a_fourth_cell_is_one_line_in_the_table(monkeypatch):
    kind = CellKind(name="leaky", title="leaky RNN", place=PLACE + "LeakyCell")
    monkeypatch.setitem(CELLS.built_in, kind.name, kind.place)
    assert kind.classes == (own_cells.LeakyCell,)
    model = make_model("leaky")
    assert model.get_config()["cell"] == "leaky"
    assert_steps_as_it_is_called(model)
    # As those that were there before, it computes in the dtype of the model.
    half = tfseq.LanguageModel(V, "leaky", units=4, dtype="mixed_bfloat16")
    assert half.stack.rnns[0].cell.compute_dtype == "bfloat16"
    with pytest.raises(ValueError, match=r"`cell` must be one of rnn, .*, leaky, or module"):
        tfseq.LanguageModel(V, "leeky")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (3, "`cell` must be one of rnn, gru, lstm, .* `units -> cell`. Received: cell=3"),
        (None, "`cell` must be one of .*Received: cell=None"),
        (["gru"], r"`cell` must be one of .*Received: cell=\['gru'\]"),
        (tfseq.GRUCell(4), "`cell` must be one of .*Received: cell=<GRUCell"),
        ("gruu", "`cell` must be one of rnn, .*, or module:Name. Received: 'gruu'"),
        ("no_such_module:Cell", "there is no module no_such_module"),
        ("models.own_cells:NoCell", "the module models.own_cells has no NoCell"),
        ("collections:Counter", "must have `call.*'collections:Counter', which raises Type"),
        ("os:path", "must have `call.*'os:path', which raises TypeError: 'module' object"),
        (lambda units: units, "must have `call.*, which gives 4"),
        (keras.layers.Dense, "must have `call.*, which gives <Dense"),
    ],
    ids="number none list cell near module name counter path lambda layer".split(),
)
def test_what_is_no_cell(cell, message):
    with pytest.raises(ValueError, match=message):
        tfseq.LanguageModel(V, cell, units=4)


def test_an_error_in_a_cell_of_your_own_is_the_cause():
    def uneven(units):
        raise AttributeError("units must be even")

    with pytest.raises(tfseq.InputError, match="raises AttributeError: units must be ev") as caught:
        tfseq.LanguageModel(V, uneven, units=3)
    assert isinstance(caught.value.__cause__, AttributeError)


def test_what_has_no_name_cannot_be_saved():
    model = tfseq.LanguageModel(V, lambda units: tfseq.GRUCell(units, use_bias=False), 4)
    with pytest.raises(ValueError, match=r"`cell` must be registered .*Received: cell=<function"):
        model.get_config()


@pytest.mark.slow
def test_its_export_steps_and_generates(tmp_path):
    vocabulary = tfseq.Vocabulary([*"abcdefghij"])
    model = make_model(own_cells.NestedCell)
    assert len(vocabulary) == V
    path = export_language_model(model, tfseq.CharTokenizer(), vocabulary, tmp_path)
    signatures = tf.saved_model.load(str(path)).signatures
    ids, states = draw_ids(), model.initial_states(B)
    expected, final = model(ids, return_states=True)
    flat = tf.nest.flatten(states)
    names = sorted(set(signatures["step"].structured_input_signature[1]) - {"token_ids"})
    assert len(names) == len(flat) == 6
    found = dict(zip(names, flat, strict=True))
    for t in range(T):
        found = signatures["step"](token_ids=tf.constant(ids[:, t]), **found)
        close(found.pop("logits"), expected[:, t])
    close([found[name] for name in names], tf.nest.flatten(final))
    (text,) = signatures["serving_default"](prompt=tf.constant(["ab"]))["text"].numpy()
    assert text.decode().startswith("ab")
    assert len(text) > 2
