"""`precision="mixed_bfloat16"`, through every task: training, going on, using, exporting."""

import json

import numpy as np
import pytest
import tensorflow as tf
from small_tasks import KINDS, options_of, write_series

import tfseq
from tfseq.layers.tensorflow.whole_step import compiled_whole, product
from tfseq.runs import mixed_precision
from tfseq.runs.mixed_precision import why_not_faster

MIXED = "mixed_bfloat16"


def train(kind, place, **changes):
    lines = []
    options = options_of(kind, place, **{"precision": MIXED, **changes})
    return tfseq.train(options, log=lines.append), lines


@pytest.fixture(
    params=[
        pytest.param(kind, marks=[pytest.mark.slow] if kind == "text_classification" else [])
        for kind in KINDS
    ]
)
def kind(request):
    """A classifier's steps are those of a tagger."""
    return request.param


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """`mixed(kind)`: a finished run in mixed precision, and what it has said."""
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = train(kind, tmp_path_factory.mktemp("mixed"))
        return made[kind]

    return of


def same_weights(one, other):
    for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_the_policy_is_that_of_the_model_and_is_kept(mixed, kind):
    task, _ = mixed(kind)
    assert task.model.dtype_policy.name == MIXED
    assert task.model.stack.rnns[0].cell.compute_dtype == "bfloat16"
    assert {w.dtype.name for w in task.model.get_weights()} == {"float32"}
    assert json.loads((task.directory / "config.json").read_text())["precision"] == MIXED
    loaded = tfseq.load(task.directory)
    assert loaded.model.dtype_policy.name == MIXED
    same_weights(loaded, task)


@pytest.mark.slow
def test_it_learns_what_float32_learns(mixed, trained, kind):
    """The same text, seed and steps: the losses are a few percent apart at most."""
    ours, usual = mixed(kind)[0].metrics, trained(kind).metrics
    assert ours["steps"] == usual["steps"]
    assert ours["train_loss"] == pytest.approx(usual["train_loss"], rel=0.03)
    assert ours["train_loss"] != usual["train_loss"]


def test_the_metrics_of_the_run_are_measured_again(mixed, kind):
    task, _ = mixed(kind)
    result, metrics = tfseq.load(task.directory).evaluate(), task.metrics
    if kind == "language_model":
        assert result["perplexity"] == pytest.approx(metrics["validation_perplexity"], rel=2e-3)
    elif kind == "forecasting":
        for column, of in result.items():
            assert of == pytest.approx(metrics["test"][column]["GRU"], rel=2e-3)
    else:
        assert result["accuracy"] == metrics["test_accuracy"]


@pytest.mark.slow
def test_a_run_that_goes_on_ends_with_the_same_bits(mixed, kind, tmp_path):
    train(kind, tmp_path, epochs=1)
    again, lines = train(kind, tmp_path, resume=True)
    assert any("resumed at step" in line for line in lines)
    same_weights(again, mixed(kind)[0])


def test_a_run_goes_on_in_its_own_precision_alone(mixed, kind):
    task, _ = mixed(kind)
    with pytest.raises(tfseq.InputError, match="`precision` was 'mixed_bfloat16' and is now 'fl"):
        train(kind, task.directory.parent, precision="float32", resume=True, epochs=3)


@pytest.mark.slow
@pytest.mark.usefixtures("not_warmed_up")
def test_an_export_answers_as_the_task_does(mixed, kind, loader, tmp_path):
    task, _ = mixed(kind)
    path = task.export(tmp_path / "egg")
    loader.load(path)
    if kind == "language_model":
        texts = ["the time", "a light year in the time machine"]
        answer = loader.run(path, "score", text=np.array(texts, object))
        ours = [score.perplexity for score in task.score(texts)]
        np.testing.assert_allclose(ours, answer["perplexity"], rtol=1e-2)
        states = {"state_0": np.zeros([1, 6], "float32")}
        answer = loader.run(path, "step", token_ids=np.int32([1]), **states)
        assert {value.dtype.name for value in answer.values()} == {"float32"}
        written = task.generate("the ", 20, temperature=0)
        answer = loader.run(
            path,
            "generate",
            prompt=np.array(["the "], object),
            max_new_tokens=np.int32([20]),
            temperature=np.float32([0]),
            top_k=np.int32([0]),
            top_p=np.float32([1]),
            seed=np.int64([0]),
        )
        assert len(written.completion) == 20
        assert written.text == answer["text"][0].decode()
    elif kind == "forecasting":
        values = np.loadtxt(write_series(tmp_path / "s.csv", 5), delimiter=",", skiprows=1)[:20]
        answer = loader.run(
            path, "serving_default", values=np.float32(values[None]), horizon=np.int32([3])
        )
        ours = task.predict(values, horizon=3)
        np.testing.assert_allclose(ours, answer["forecast"][0, :3], rtol=1e-2, atol=0.05)
        # The level of 300 is not rounded to 16 bits, which have steps of 2 there.
        assert abs(ours[:, 1] - 300).max() < 60
        assert len(set(ours[:, 1] % 2)) > 1
    else:
        texts = ["egg and tea", "o1 b-x0 i-x3", "mud"]
        answer = loader.run(path, "serving_default", text=np.array(texts, object))
        for row, scores in zip(task.predict(texts), answer["scores"], strict=True):
            ours = row.scores if kind == "tagging" else [score for _, score in row]
            np.testing.assert_allclose(ours, scores[: len(ours)], atol=1e-2)


def test_a_keras_file_holds_it(mixed, kind, tmp_path):
    import keras

    model = mixed(kind)[0].model
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.dtype_policy.name == MIXED
    inputs = np.zeros([2, 6, 2], "float32") if kind == "forecasting" else np.ones([2, 6], "int32")
    np.testing.assert_array_equal(np.float32(model(inputs)), np.float32(loaded(inputs)))


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """`processor(flags)` has the machine's processor say that it has these."""

    def of(flags):
        (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n")
        monkeypatch.setattr(mixed_precision, "_PROCESSOR", tmp_path / "cpuinfo")

    return of


def test_it_says_that_it_is_slower_before_it_trains(processor, tmp_path):
    class SaidError(Exception):
        pass

    def log(line):
        if line.startswith("note: "):
            raise SaidError(line)

    processor("fpu avx2 avx512f")
    with pytest.raises(SaidError, match="mixed_bfloat16 is slower than float32 on this processor"):
        tfseq.train(options_of("language_model", tmp_path, precision=MIXED), log=log)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["language_model"])
def test_it_says_that_it_is_slower(mixed, kind, processor, tmp_path):
    """By what the processor has; what is learned does not depend on it."""
    processor("fpu avx2 avx512f")
    task, lines = train(kind, tmp_path)
    (said,) = [line for line in lines if line.startswith("note: ")]
    assert "mixed_bfloat16 is slower than float32 on this processor" in said
    same_weights(task, mixed(kind)[0])


def test_where_it_is_slower(processor):
    spec = tf.TensorSpec([8, 16], tf.int32)
    for flags, slower in (("avx2", True), ("avx512_bf16", False), ("amx_bf16 avx2", False)):
        processor(flags)
        assert bool(why_not_faster(MIXED, spec)) == slower
        assert why_not_faster("float32", spec) is None
    assert "differ in size" in why_not_faster(MIXED, [spec, tf.TensorSpec([8, None], tf.int32)])


def test_factors_are_rounded_and_sums_are_not():
    """In a compiled training step: every product, those of the gradient included."""
    rng = np.random.default_rng(0)
    a, b, d = (rng.normal(size=s).astype("float32") for s in ((5, 300), (300, 7), (5, 7)))

    @tf.function(jit_compile=True, autograph=False)
    def products():
        with compiled_whole(narrow=True), tf.GradientTape() as tape:
            x, y = tf.constant(a), tf.constant(b)
            tape.watch([x, y])
            z = product(x, y)
            return z, *tape.gradient(z, [x, y], tf.constant(d))

    a, b, d = (np.float64(tf.cast(t, tf.bfloat16)) for t in (a, b, d))
    for one, other in zip(products(), (a @ b, d @ b.T, a.T @ d), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "kind", ["tagging", pytest.param("text_classification", marks=pytest.mark.slow)]
)
def test_it_says_so_where_batches_differ_in_size(mixed, kind):
    assert any("its batches differ in size" in line for line in mixed(kind)[1])
